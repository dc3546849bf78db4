package auth

// Error is why a token was not accepted. Cause is for the log, the rest may be shown to the client.
type Error struct {
	Code  string // PSYNC_S21xx or PSYNC_S22xx
	Text  string
	Cause error // may be nil
}

func (e *Error) Error() string { return "[" + e.Code + "] " + e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Codes of errors.
const (
	codeInvalid  = "PSYNC_S2101"
	codeExpired  = "PSYNC_S2103"
	codeLifetime = "PSYNC_S2104"
	codeAudience = "PSYNC_S2105"
	codeMissing  = "PSYNC_S2106"
	codeNoKeys   = "PSYNC_S2201"
	codeAddress  = "PSYNC_S2203"
	codeFetch    = "PSYNC_S2204"
)

func invalid(text string, cause error) *Error {
	return &Error{Code: codeInvalid, Text: text, Cause: cause}
}
