package syncclient_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/weirsync/weir/clients/syncclient"
)

// Print every change of the rows that the sync rules give to a user, until there are as many as expected.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(pretendWeir)) // yours is at http://127.0.0.1:8080
	defer server.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := syncclient.New(syncclient.Options{
		Endpoint:  server.URL,
		Token:     syncclient.StaticToken("a token of weir token --sub mia"),
		Transport: syncclient.HTTPLines,
		OnApply: func(applied syncclient.Applied) {
			for _, change := range applied.Changes {
				fmt.Printf("%s %s: %s -> %s\n", change.Table, change.ID, change.Old, change.New)
			}
			if applied.Checkpoint == 3 {
				cancel()
			}
		},
		OnError: func(err error) { fmt.Println(err) },
	})
	fmt.Println(client.Run(ctx)) // until ctx ends, whatever happens to the connection
	for _, row := range client.Rows("lists") {
		fmt.Printf("%s\n", row.Data)
	}
	// Output:
	// lists a:  -> {"name":"Groceries"}
	// lists a: {"name":"Groceries"} -> {"name":"Food"}
	// context canceled
	// {"name":"Food"}
}

// pretendWeir sends two checkpoints.
func pretendWeir(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	_, _ = io.WriteString(w, `{"checkpoint":{"last_op_id":"1","buckets":[{"bucket":"mine","checksum":5,"count":1}]}}
{"data":{"bucket":"mine","data":[{"op_id":"1","op":"PUT","object_type":"lists","object_id":"a","subkey":"1","checksum":5,"data":"{\"name\":\"Groceries\"}"}],"next_after":"1"}}
{"checkpoint_complete":{"last_op_id":"1"}}
{"checkpoint_diff":{"last_op_id":"3","removed_buckets":[],"updated_buckets":[{"bucket":"mine","checksum":11,"count":2}]}}
{"data":{"bucket":"mine","data":[{"op_id":"3","op":"PUT","object_type":"lists","object_id":"a","subkey":"1","checksum":6,"data":"{\"name\":\"Food\"}"}],"next_after":"3"}}
{"checkpoint_complete":{"last_op_id":"3"}}
`)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}
