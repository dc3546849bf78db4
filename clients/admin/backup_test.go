package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBackup(t *testing.T) {
	s := newServer(t, testToken)
	path := filepath.Join(t.TempDir(), "weir.bak")
	post := func(path string) (int, string) {
		return call(s, "POST", "/api/v1/store/backup", "Bearer "+testToken, fmt.Sprintf(`{"path":%q}`, path))
	}
	status, text := post(path)
	var answer struct{ Data Backup }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK || answer.Data.Bytes == 0 || answer.Data.Store == 0 {
		t.Errorf("got %d %s", status, text)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != answer.Data.Bytes || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	for path, want := range map[string]int{
		path: http.StatusConflict, "weir.bak": http.StatusBadRequest, filepath.Join(path, "x"): http.StatusInternalServerError,
	} {
		if status, text := post(path); status != want || !strings.Contains(text, "WEIR_BACKUP") {
			t.Errorf("%s: got %d %s, want %d", path, status, text, want)
		}
	}
}
