package replicator

import (
	"encoding/json"
	"fmt"
)

// tid is a row's place in its table.
type tid struct {
	Block  uint32 `json:"b"`
	Offset uint16 `json:"o,omitempty"`
}

func (t tid) String() string { return fmt.Sprintf("(%d,%d)", t.Block, t.Offset) }

func (t tid) less(u tid) bool {
	return t.Block < u.Block || t.Block == u.Block && t.Offset < u.Offset
}

// section is a part of a table that one worker at a time reads from front to end.
type section struct {
	Next tid    `json:"n"` // everything before it is stored
	End  uint32 `json:"e"` // block behind its last one

	After [][]byte `json:"a,omitempty"` // instead, where rows are read by key: all up to this one are stored
	Until [][]byte `json:"u,omitempty"` // and the last one is this; nil: there was none

	Done bool `json:"d,omitempty"`
}

// progress is how far the chunk phase of a generation has come. It is stored with every chunk (I6), and holds only for
// the file and the shape that it was made for.
type progress struct {
	Filenode uint32    `json:"file"`
	Shape    string    `json:"shape"`
	Sections []section `json:"sections"`        // none: not divided yet
	Asked    bool      `json:"asked,omitempty"` // somebody asked for the generation
	Where    string    `json:"where,omitempty"` // the condition that rows have to meet to be read
}

// newProgress divides a table into n sections at most. They end where the table does now, behind the generation's Barrier: what is written
// behind that end from here on is in the stream, and a table that grows faster than it is read is read to an end all the same.
func newProgress(l layout, shape string, n int) *progress {
	n = max(1, min(n, int(l.blocks/sectionBlocksMin)))
	p := &progress{Filenode: l.filenode, Shape: shape}
	size := l.blocks/uint32(n) + 1
	for i := range n {
		p.Sections = append(p.Sections, section{Next: tid{Block: uint32(i) * size}, End: uint32(i+1) * size})
	}
	p.Sections[n-1].End = max(l.blocks, 1)
	return p
}

// sectionBlocksMin keeps small tables in one piece.
const sectionBlocksMin = 1024

func (p *progress) encode() ([]byte, error) { return json.Marshal(p) }

func decodeProgress(data []byte) (*progress, error) {
	p := &progress{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("read snapshot progress: %w", err)
	}
	return p, nil
}

// done tells whether all sections are.
func (p *progress) done() bool {
	for i := range p.Sections {
		if !p.Sections[i].Done {
			return false
		}
	}
	return true
}
