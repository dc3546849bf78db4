package auth

import "strings"

// FromHeader returns the token of an Authorization header, or of the token member of a WebSocket set-up, which have one form:
// "Token" or "Bearer", one space, the token.
func FromHeader(value string) (string, error) {
	scheme, token, ok := strings.Cut(value, " ")
	switch {
	case value == "":
		return "", &Error{Code: codeMissing, Text: "Authentication required"}
	case !ok, scheme != "Token" && scheme != "Bearer", token == "", strings.Contains(token, " "):
		return "", &Error{Code: codeMissing, Text: "No valid token provided"}
	}
	return token, nil
}
