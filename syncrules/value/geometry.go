package value

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
)

var errGeometry = errors.New("not a geometry in (E)WKB form")

// maxGeometryDepth bounds collections in collections.
const maxGeometryDepth = 32

// geometry is a parsed (E)WKB geometry. Which of its fields count depends on kind.
type geometry struct {
	kind       uint32 // 1 point .. 7 collection
	hasZ, hasM bool
	points     [][]float64 // of a point (one, or none if empty) or line
	rings      [][][]float64
	parts      []geometry
}

var geometryNames = [...]struct{ json, text string }{
	1: {"Point", "POINT"}, 2: {"LineString", "LINESTRING"}, 3: {"Polygon", "POLYGON"}, 4: {"MultiPoint", "MULTIPOINT"},
	5: {"MultiLineString", "MULTILINESTRING"}, 6: {"MultiPolygon", "MULTIPOLYGON"}, 7: {"GeometryCollection", "GEOMETRYCOLLECTION"},
}

// onGeometry makes a function of a geometry; NULL gives NULL, anything else that is not one fails.
func onGeometry(f func(geometry) Value) func([]Value) (Value, error) {
	return func(args []Value) (Value, error) {
		raw := args[0].text
		switch args[0].kind {
		case Null:
			return Value{}, nil
		case Integer, Real:
			return Value{}, errGeometry
		case Text:
			decoded := make([]byte, hex.DecodedLen(len(raw)))
			if _, err := hex.Decode(decoded, raw); err != nil {
				return Value{}, errGeometry
			}
			raw = decoded
		}
		r := wkbReader{rest: raw}
		g, err := r.geometry(0)
		if err != nil {
			return Value{}, err
		}
		return f(g), nil
	}
}

var (
	stAsGeoJSON = onGeometry(func(g geometry) Value { return TextOf(g.appendJSON(nil)) })
	stAsText    = onGeometry(func(g geometry) Value { return TextOf(g.appendText(nil)) })
	stX         = onGeometry(func(g geometry) Value { return g.coordinate(0) })
	stY         = onGeometry(func(g geometry) Value { return g.coordinate(1) })
)

func (g geometry) coordinate(i int) Value {
	if g.kind != 1 || len(g.points) == 0 {
		return Value{}
	}
	return Float(g.points[0][i])
}

type wkbReader struct {
	rest  []byte
	order binary.ByteOrder
}

func (r *wkbReader) geometry(depth int) (geometry, error) {
	if len(r.rest) < 5 || r.rest[0] > 1 || depth > maxGeometryDepth {
		return geometry{}, errGeometry
	}
	r.order = binary.BigEndian
	if r.rest[0] == 1 {
		r.order = binary.LittleEndian
	}
	kind := r.order.Uint32(r.rest[1:])
	r.rest = r.rest[5:]
	g := geometry{kind: kind & 0xff, hasZ: kind&(1<<31) != 0, hasM: kind&(1<<30) != 0}
	if iso := kind & 0xffff; iso >= 1000 {
		g.kind, g.hasZ, g.hasM = iso%1000, iso/1000 == 1 || iso/1000 == 3, iso/1000 >= 2
	}
	if kind&(1<<29) != 0 { // a spatial reference follows
		if len(r.rest) < 4 {
			return geometry{}, errGeometry
		}
		r.rest = r.rest[4:]
	}
	return r.body(g, depth)
}

func (r *wkbReader) body(g geometry, depth int) (geometry, error) {
	var err error
	switch g.kind {
	case 1:
		var p []float64
		if p, err = r.point(g); err == nil && !math.IsNaN(p[0]) {
			g.points = [][]float64{p}
		}
	case 2:
		g.points, err = r.points(g)
	case 3:
		g.rings, err = r.rings(g)
	case 4, 5, 6, 7:
		g.parts, err = r.parts(depth)
	default:
		err = errGeometry
	}
	return g, err
}

func (r *wkbReader) count(size int) (int, error) {
	if len(r.rest) < 4 {
		return 0, errGeometry
	}
	n := int(r.order.Uint32(r.rest))
	r.rest = r.rest[4:]
	if n > len(r.rest)/size {
		return 0, errGeometry
	}
	return n, nil
}

func (g geometry) dimensions() int {
	n := 2
	if g.hasZ {
		n++
	}
	if g.hasM {
		n++
	}
	return n
}

func (r *wkbReader) point(g geometry) ([]float64, error) {
	p := make([]float64, g.dimensions())
	if len(r.rest) < 8*len(p) {
		return nil, errGeometry
	}
	for i := range p {
		p[i] = math.Float64frombits(r.order.Uint64(r.rest[8*i:]))
	}
	r.rest = r.rest[8*len(p):]
	return p, nil
}

func (r *wkbReader) points(g geometry) ([][]float64, error) {
	n, err := r.count(8 * g.dimensions())
	if err != nil {
		return nil, err
	}
	points := make([][]float64, n)
	for i := range points {
		if points[i], err = r.point(g); err != nil {
			return nil, err
		}
	}
	return points, nil
}

func (r *wkbReader) rings(g geometry) ([][][]float64, error) {
	n, err := r.count(4)
	if err != nil {
		return nil, err
	}
	rings := make([][][]float64, n)
	for i := range rings {
		if rings[i], err = r.points(g); err != nil {
			return nil, err
		}
	}
	return rings, nil
}

func (r *wkbReader) parts(depth int) ([]geometry, error) {
	n, err := r.count(5)
	if err != nil {
		return nil, err
	}
	parts := make([]geometry, n)
	order := r.order
	for i := range parts {
		if parts[i], err = r.geometry(depth + 1); err != nil {
			return nil, err
		}
	}
	r.order = order
	return parts, nil
}
