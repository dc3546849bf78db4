package clients

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// strangerBytes are how much of a body is read before it is known whose it is: about the request of a client with 200 buckets.
const strangerBytes = 16 << 10

// readBody reads a JSON body. A long one must be of somebody whose token is good: else anybody could make us hold many of them.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return nil, faultMediaType
		}
	}
	if r.ContentLength > int64(s.cfg.MaxRequestBytes) {
		return nil, tooLarge(int64(s.cfg.MaxRequestBytes))
	}
	limited := http.MaxBytesReader(w, r.Body, int64(s.cfg.MaxRequestBytes))
	body, err := io.ReadAll(io.LimitReader(limited, strangerBytes))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(body) < strangerBytes {
		return body, nil
	}
	if _, err := s.authorize(r.Context(), r.Header.Get("Authorization")); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(limited)
	if err != nil {
		return nil, unreadable(err)
	}
	return append(body, rest...), nil
}

func unreadable(err error) *fault {
	var exceeded *http.MaxBytesError
	if errors.As(err, &exceeded) {
		return tooLarge(exceeded.Limit)
	}
	return &fault{status: http.StatusBadRequest, code: codeInvalid, text: "The request body cannot be read", cause: err}
}

func tooLarge(limit int64) *fault {
	f := invalid(fmt.Sprintf("/: must not be larger than %d bytes", limit))
	f.status = http.StatusRequestEntityTooLarge
	return f
}
