package buckets

import (
	"fmt"
	"strings"

	"github.com/weirsync/weir/storage"
)

// Check verifies the whole store file at path, which no process may have open: storage.Check, for tests above that may not import
// storage.
func Check(path string) error {
	report, err := storage.Check(path)
	if err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("store %s has faults: %s", path, strings.Join(report.Faults, "; "))
	}
	return nil
}
