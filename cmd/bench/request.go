package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/wire"
)

// position is a bucket that a client says it holds.
type position struct {
	Name  string `json:"name"`
	After string `json:"after"`
}

// streamRequest is the body of a stream request, as SDKs send it.
type streamRequest struct {
	Buckets         []position `json:"buckets"`
	IncludeChecksum bool       `json:"include_checksum"`
	RawData         bool       `json:"raw_data"`
}

// requestFor asks for everything that comes after what held lists; nil holds nothing.
func requestFor(held *wire.Checkpoint) []byte {
	req := streamRequest{Buckets: []position{}, IncludeChecksum: true, RawData: true}
	if held != nil {
		for i := range held.Buckets {
			req.Buckets = append(req.Buckets, position{held.Buckets[i].Name, strconv.FormatUint(held.LastOp, 10)})
		}
	}
	body, err := json.Marshal(req)
	if err != nil {
		panic(err) // strings and booleans can be marshalled
	}
	return body
}

// token returns a token for a user, valid for longer than any run.
func (b *bench) token(user string) (string, error) {
	now := time.Now().Unix()
	token, err := auth.Sign(b.key, map[string]any{"sub": user, "aud": audience, "iat": now, "exp": now + 86400})
	if err != nil {
		return "", fmt.Errorf("token for %s: %w", user, err)
	}
	return token, nil
}
