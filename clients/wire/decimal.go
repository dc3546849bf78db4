package wire

import "strconv"

// decimal is a number and its digits. Ids of a page follow each other closely, so mostly the last digit is all that changes: 112 instead
// of 128 ns for a PUT as BSON.
type decimal struct {
	n      uint64
	digits []byte
}

// set makes it n. The digits are valid until the next call.
func (d *decimal) set(n uint64) []byte {
	last := len(d.digits) - 1
	if by := n - d.n; last >= 0 && by < 10 && d.digits[last]+byte(by) <= '9' {
		d.digits[last] += byte(by)
	} else {
		d.digits = strconv.AppendUint(d.digits[:0], n, 10)
	}
	d.n = n
	return d.digits
}
