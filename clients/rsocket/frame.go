package rsocket

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Type is the type of a frame.
type Type uint8

// Types of frames.
const (
	TypeSetup           Type = 1
	TypeLease           Type = 2
	TypeKeepalive       Type = 3
	TypeRequestResponse Type = 4
	TypeRequestFNF      Type = 5
	TypeRequestStream   Type = 6
	TypeRequestChannel  Type = 7
	TypeRequestN        Type = 8
	TypeCancel          Type = 9
	TypePayload         Type = 10
	TypeError           Type = 11
	TypeMetadataPush    Type = 12
	TypeResume          Type = 13
	TypeResumeOK        Type = 14
	TypeExt             Type = 63
)

// Flags of a frame. Some bits mean different things in different types.
type Flags uint16

// Flags.
const (
	FlagIgnore   Flags = 0x200
	FlagMetadata Flags = 0x100
	FlagFollows  Flags = 0x80 // of requests and PAYLOAD
	FlagResume   Flags = 0x80 // of SETUP
	FlagRespond  Flags = 0x80 // of KEEPALIVE
	FlagComplete Flags = 0x40 // of PAYLOAD
	FlagLease    Flags = 0x40 // of SETUP
	FlagNext     Flags = 0x20 // of PAYLOAD

	flagsMask = 0x3ff
)

// ErrorCode is the code of an ERROR frame.
type ErrorCode uint32

// Error codes.
const (
	CodeInvalidSetup     ErrorCode = 0x001
	CodeUnsupportedSetup ErrorCode = 0x002
	CodeRejectedSetup    ErrorCode = 0x003
	CodeRejectedResume   ErrorCode = 0x004
	CodeConnectionError  ErrorCode = 0x101
	CodeConnectionClose  ErrorCode = 0x102
	CodeApplicationError ErrorCode = 0x201
	CodeRejected         ErrorCode = 0x202
	CodeCanceled         ErrorCode = 0x203
	CodeInvalid          ErrorCode = 0x204
)

// MaxN is the largest credit that one frame can give, and more than which a stream never has.
const MaxN = 1<<31 - 1

// Frame is a decoded frame. Fields that its type lacks are zero.
//
//	+--------------------+-----------------------+----------------------+
//	| u32 stream id      | u16 type<<10 | flags  | what the type needs  |
//	+--------------------+-----------------------+----------------------+
//
//	SETUP           u16 major, u16 minor, u32 keepalive ms, u32 lifetime ms, [u16 n, n bytes resume token],
//	                u8 n, n bytes metadata mime, u8 n, n bytes data mime, payload
//	REQUEST_STREAM  u32 initial request n, payload
//	REQUEST_N       u32 n
//	PAYLOAD         payload
//	ERROR           u32 code, text
//	KEEPALIVE       u64 position, data
//	payload         [if METADATA: u24 n, n bytes metadata], data
type Frame struct {
	Stream uint32
	Type   Type
	Flags  Flags

	Major, Minor uint16 // SETUP
	KeepaliveMS  uint32
	LifetimeMS   uint32
	ResumeToken  []byte
	MetadataMime string
	DataMime     string

	N        uint32    // REQUEST_STREAM, REQUEST_N
	Code     ErrorCode // ERROR
	Position uint64    // KEEPALIVE

	Metadata []byte // nil without the flag METADATA
	Data     []byte
}

// Has tells whether f has all of flags.
func (f *Frame) Has(flags Flags) bool { return f.Flags&flags == flags }

var errShort = errors.New("frame is cut off")

// Parse decodes a frame. Its byte slices are parts of b. Frames of types that carry nothing known keep what follows the header
// as Data.
func Parse(b []byte) (Frame, error) {
	if len(b) < 6 {
		return Frame{}, errShort
	}
	head := binary.BigEndian.Uint16(b[4:])
	f := Frame{Stream: binary.BigEndian.Uint32(b), Type: Type(head >> 10), Flags: Flags(head & flagsMask)}
	if f.Stream>>31 != 0 {
		return Frame{}, errors.New("bit 31 of the stream id is set")
	}
	r := reader{rest: b[6:]}
	switch f.Type {
	case TypeSetup:
		f.parseSetup(&r)
	case TypeRequestStream:
		f.N = r.u32()
		f.parsePayload(&r)
	case TypeRequestN:
		f.N = r.u32()
	case TypePayload:
		f.parsePayload(&r)
	case TypeError:
		f.Code = ErrorCode(r.u32())
		f.Data = r.rest
	case TypeKeepalive:
		f.Position = uint64(r.u32())<<32 | uint64(r.u32())
		f.Data = r.rest
	default:
		f.Data = r.rest
	}
	if r.short {
		return Frame{}, fmt.Errorf("type %d: %w", f.Type, errShort)
	}
	if f.asks() && (f.N == 0 || f.N > MaxN) {
		return Frame{}, fmt.Errorf("type %d: request n %d is out of range", f.Type, f.N)
	}
	return f, nil
}

// asks tells whether the frame gives credit.
func (f *Frame) asks() bool { return f.Type == TypeRequestStream || f.Type == TypeRequestN }

func (f *Frame) parseSetup(r *reader) {
	f.Major, f.Minor = r.u16(), r.u16()
	f.KeepaliveMS, f.LifetimeMS = r.u32(), r.u32()
	if f.Has(FlagResume) {
		f.ResumeToken = r.bytes(int(r.u16()))
	}
	f.MetadataMime = string(r.bytes(int(r.u8())))
	f.DataMime = string(r.bytes(int(r.u8())))
	f.parsePayload(r)
}

func (f *Frame) parsePayload(r *reader) {
	if f.Has(FlagMetadata) {
		f.Metadata = r.bytes(int(r.u8())<<16 | int(r.u16()))
	}
	f.Data = r.rest
}

// reader takes integers and bytes off rest. Once something is missing it is short, and returns zeroes.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uint(n int) (v uint32) {
	for _, c := range r.bytes(n) {
		v = v<<8 | uint32(c)
	}
	return v
}

func (r *reader) u8() uint8   { return uint8(r.uint(1)) }
func (r *reader) u16() uint16 { return uint16(r.uint(2)) }
func (r *reader) u32() uint32 { return r.uint(4) }

// Append appends the encoded frame to dst. Metadata is written if the flag METADATA is set; it must be shorter than 16 MiB, mime types
// shorter than 256 bytes.
func (f *Frame) Append(dst []byte) []byte { return append(f.appendHead(dst), f.Data...) }

// appendHead appends what comes before the data.
func (f *Frame) appendHead(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, f.Stream)
	dst = binary.BigEndian.AppendUint16(dst, uint16(f.Type)<<10|uint16(f.Flags&flagsMask))
	switch f.Type {
	case TypeSetup:
		dst = f.appendSetup(dst)
	case TypeRequestStream, TypeRequestN:
		dst = binary.BigEndian.AppendUint32(dst, f.N)
	case TypeError:
		dst = binary.BigEndian.AppendUint32(dst, uint32(f.Code))
	case TypeKeepalive:
		dst = binary.BigEndian.AppendUint64(dst, f.Position)
	}
	if f.hasPayload() && f.Has(FlagMetadata) {
		n := len(f.Metadata)
		dst = append(dst, byte(n>>16), byte(n>>8), byte(n))
		dst = append(dst, f.Metadata...)
	}
	return dst
}

func (f *Frame) hasPayload() bool {
	return f.Type == TypeSetup || f.Type == TypeRequestStream || f.Type == TypePayload
}

func (f *Frame) appendSetup(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, f.Major)
	dst = binary.BigEndian.AppendUint16(dst, f.Minor)
	dst = binary.BigEndian.AppendUint32(dst, f.KeepaliveMS)
	dst = binary.BigEndian.AppendUint32(dst, f.LifetimeMS)
	if f.Has(FlagResume) {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(f.ResumeToken)))
		dst = append(dst, f.ResumeToken...)
	}
	dst = append(append(dst, byte(len(f.MetadataMime))), f.MetadataMime...)
	return append(append(dst, byte(len(f.DataMime))), f.DataMime...)
}
