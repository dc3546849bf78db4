package syncclient_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/weirsync/weir/clients/syncclient"
)

// Print every change of the rows that the sync rules give to a user.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client := syncclient.New(syncclient.Options{
		Endpoint:  "http://127.0.0.1:8080",
		Token:     syncclient.StaticToken(os.Getenv("TOKEN")),
		Transport: syncclient.WebSocket,
		OnApply: func(applied syncclient.Applied) {
			for _, change := range applied.Changes {
				fmt.Printf("%s %s: %s -> %s\n", change.Table, change.ID, change.Old, change.New)
			}
		},
		OnError: func(err error) { log.Print(err) },
	})
	_ = client.Run(ctx) // until interrupted
	for _, row := range client.Rows("lists") {
		fmt.Printf("%s\n", row.Data)
	}
}
