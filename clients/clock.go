package clients

import (
	"math"
	"math/rand/v2"
	"time"
)

// warnBefore is how long before its expiry a client is reminded to get a new token.
const warnBefore = 20 * time.Second

// pulseEvery is how often a client of a transport without keep-alive of its own gets a line at least.
const pulseEvery = 20 * time.Second

// clock says when a session must say how long its token is still good.
type clock struct {
	expires time.Time
	every   time.Duration // 0: only the warning
	due     time.Time     // of the next line
}

func newClock(expires time.Time, every time.Duration) *clock {
	c := &clock{expires: expires, every: every}
	c.reset(time.Now())
	return c
}

// reset sets when the next line is due, some time after now: 10 % more or less, so that clients that came together don't stay
// together.
func (c *clock) reset(now time.Time) {
	c.due = c.expires
	if c.every > 0 {
		c.due = now.Add(c.every*9/10 + rand.N(c.every/5))
	}
	if warn := c.expires.Add(-warnBefore); now.Before(warn) && warn.Before(c.due) {
		c.due = warn
	}
}

// left returns the seconds that the token has left, rounded up.
func (c *clock) left(now time.Time) int {
	return max(0, int(math.Ceil(c.expires.Sub(now).Seconds())))
}
