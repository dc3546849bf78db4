package clients

import (
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compressor compresses a stream piece by piece. What it appends for a piece is enough to decode that piece. There is one for each of
// thousands of streams, nearly all of them idle, and stalled ones among them: it keeps nothing but sums between pieces. A page is long
// enough to compress well by itself.
type compressor interface {
	piece(dst, lines []byte) []byte
	end(dst []byte) []byte
}

func newCompressor(encoding string) compressor {
	switch encoding {
	case "gzip":
		return newGzipPieces()
	case "zstd":
		return zstdFrames{}
	}
	return nil
}

// zstdFrames makes each piece a frame. A stream is any number of them (RFC 8878, 3).
type zstdFrames struct{}

// zstdEncoder is used by all streams at once.
var zstdEncoder = func() *zstd.Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(256<<10))
	if err != nil {
		panic(err) // options are constant
	}
	return z
}()

func (zstdFrames) piece(dst, lines []byte) []byte { return zstdEncoder.EncodeAll(lines, dst) }

func (zstdFrames) end(dst []byte) []byte { return dst }

// gzipPieces flushes after each piece.
type gzipPieces struct {
	z   *gzip.Writer // keeps no memory: StatelessCompression
	dst []byte
}

func newGzipPieces() *gzipPieces {
	g := &gzipPieces{}
	var err error
	if g.z, err = gzip.NewWriterLevel(g, gzip.StatelessCompression); err != nil {
		panic(err) // the level is constant
	}
	return g
}

// Write is for z.
func (g *gzipPieces) Write(b []byte) (int, error) {
	g.dst = append(g.dst, b...)
	return len(b), nil
}

func (g *gzipPieces) piece(dst, lines []byte) []byte {
	g.dst = dst
	_, _ = g.z.Write(lines) // Write does not fail
	dst, g.dst = g.dst, nil
	return dst
}

func (g *gzipPieces) end(dst []byte) []byte {
	g.dst = dst
	_ = g.z.Close() // Write does not fail
	dst, g.dst = g.dst, nil
	return dst
}
