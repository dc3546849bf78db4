package pgoutput

import "encoding/binary"

// message builds the bytes of a message for tests.
type message []byte

func build(kind Kind) message { return message{byte(kind)} }

func (m message) u8(v byte) message    { return append(m, v) }
func (m message) u16(v uint16) message { return binary.BigEndian.AppendUint16(m, v) }
func (m message) u32(v uint32) message { return binary.BigEndian.AppendUint32(m, v) }
func (m message) u64(v uint64) message { return binary.BigEndian.AppendUint64(m, v) }
func (m message) text(s string) message {
	return append(append(m, s...), 0)
}

// tuple appends part ('N', 'K', 'O') and values: "\x00n" is NULL, "\x00u" unchanged.
func (m message) tuple(part byte, values ...string) message {
	m = m.u8(part).u16(uint16(len(values)))
	for _, v := range values {
		switch v {
		case null, toasted:
			m = m.u8(v[1])
		default:
			m = append(m.u8('t').u32(uint32(len(v))), v...)
		}
	}
	return m
}

const (
	null    = "\x00n"
	toasted = "\x00u"
)

func samples() map[string][]byte {
	return map[string][]byte{
		"begin":         build('B').u64(0x16B3748).u64(700000000000001).u32(741),
		"commit":        build('C').u8(0).u64(0x16B3748).u64(0x16B3778).u64(700000000000001),
		"origin":        build('O').u64(0x16B3748).text("upstream"),
		"relation":      build('R').u32(16385).text("public").text("visits").u8('d').u16(2).u8(1).text("id").u32(20).u32(0xffffffff).u8(0).text("note").u32(1043).u32(104),
		"no columns":    build('R').u32(16386).text("").text("empty").u8('f').u16(0),
		"type":          build('Y').u32(16400).text("public").text("mood"),
		"insert":        build('I').u32(16385).tuple('N', "1", "", null, "ünï", toasted),
		"update":        build('U').u32(16385).tuple('N', "1", toasted),
		"update key":    build('U').u32(16385).tuple('K', "1", null).tuple('N', "2", "b"),
		"update full":   build('U').u32(16385).tuple('O', "1", "a").tuple('N', "1", "b"),
		"delete":        build('D').u32(16385).tuple('K', "1", null),
		"delete full":   build('D').u32(16385).tuple('O', "1", "a"),
		"truncate":      build('T').u32(2).u8(3).u32(16385).u32(16390),
		"message":       append(build('M').u8(1).u64(0x16B3700).text("weir").u32(5), "nonce"...),
		"plain message": build('M').u8(0).u64(0x16B3700).text("").u32(0),
	}
}
