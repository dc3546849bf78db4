package buckets

import (
	"strings"
	"testing"
)

// A lookup by a long text fits into the file.
func TestLongLookup(t *testing.T) {
	h := newHarness(t)
	h.deploy("bucket_definitions:\n  mine:\n    parameters: SELECT n AS owner FROM items WHERE b = request.user_id()\n    data: [SELECT * FROM items WHERE owner = bucket.owner]\n")
	h.plan(items)
	long := strings.Repeat("ann", 20000)
	h.snapshot(items, tuple("1", "x", "x", long), tuple("2", "x", "x", long+"!"))
	h.wantN(long, map[string]string{"1": "x", "2": "x"})
	h.stream(del(items, "1"))
	if got := h.client(long); len(got) != 0 {
		t.Errorf("got %d rows without a parameter row", len(got))
	}
	h.wantN(long+"!", map[string]string{"2": "x"})
}
