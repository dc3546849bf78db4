package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
)

func TestCompact(t *testing.T) {
	s := newServer(t, testToken)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.cfg.Store.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for body, file := range map[string]bool{"": false, `{"file":false}`: false, `{"file":true}`: true} {
		status, text := call(s, "POST", "/api/v1/store/compact", "Bearer "+testToken, body)
		var answer struct{ Data Compaction }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK {
			t.Errorf("%s: got %d %s", body, status, text)
			continue
		}
		if got := answer.Data.File; (got != nil) != file || file && (got.Before == 0 || got.After == 0) {
			t.Errorf("%s: got %s", body, text)
		}
	}
	if status, text := call(s, "POST", "/api/v1/store/compact", "Bearer "+testToken, `{"file":"yes"}`); status != http.StatusBadRequest {
		t.Errorf("a wrong parameter: got %d %s", status, text)
	}
}
