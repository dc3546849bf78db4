package syncview

// ANSI codes.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// marks are how operations look.
var marks = map[string]struct{ sign, look string }{
	"insert": {"+", green},
	"update": {"~", yellow},
	"delete": {"-", red},
}

func (v *tableView) paint(look, text string) string {
	if !v.color {
		return text
	}
	return "\x1b[" + look + "m" + text + "\x1b[0m"
}
