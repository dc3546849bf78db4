package main

import "fmt"

// target is a bound that a figure should keep.
type target struct {
	text string
	met  func(limit, figure float64) bool
}

// partOfLimit wants a rate that is at least this part of the limit's.
func partOfLimit(part float64) target {
	return target{fmt.Sprintf("ratio >= %.2f", part), func(limit, figure float64) bool { return figure >= part*limit }}
}

// timesLimit wants a time or size that is at most so many times the limit's.
func timesLimit(times float64) target {
	return target{fmt.Sprintf("ratio <= %.2f", times), func(limit, figure float64) bool { return figure <= times*limit }}
}

// overLimit wants a figure that is at most so much above the limit's.
func overLimit(more float64, u unit) target {
	return target{
		fmt.Sprintf("<= limit + %.0f %s", more, u),
		func(limit, figure float64) bool { return figure <= limit+more },
	}
}

func atLeast(bound float64, u unit) target {
	return target{
		">= " + u.format(bound) + " " + string(u),
		func(_, figure float64) bool { return figure >= bound },
	}
}

func atMost(bound float64, u unit) target {
	return target{
		"<= " + u.format(bound) + " " + string(u),
		func(_, figure float64) bool { return figure <= bound },
	}
}
