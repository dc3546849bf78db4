package value

// appendJSON appends the GeoJSON object.
func (g geometry) appendJSON(b []byte) []byte {
	b = append(append(append(b, `{"type":"`...), geometryNames[g.kind].json...), '"')
	if g.kind == 7 {
		b = append(b, `,"geometries":`...)
		b = appendList(b, g.parts, geometry.appendJSON)
	} else {
		b = append(b, `,"coordinates":`...)
		b = g.appendCoordinates(b)
	}
	return append(b, '}')
}

func (g geometry) appendCoordinates(b []byte) []byte {
	switch g.kind {
	case 1:
		if len(g.points) == 0 {
			return append(b, "[]"...)
		}
		return g.appendPosition(b, g.points[0])
	case 2:
		return appendList(b, g.points, func(p []float64, b []byte) []byte { return g.appendPosition(b, p) })
	case 3:
		return appendList(b, g.rings, func(ring [][]float64, b []byte) []byte {
			return appendList(b, ring, func(p []float64, b []byte) []byte { return g.appendPosition(b, p) })
		})
	}
	return appendList(b, g.parts, geometry.appendCoordinates)
}

// appendPosition leaves M out: GeoJSON has no place for it.
func (g geometry) appendPosition(b []byte, p []float64) []byte {
	if g.hasM {
		p = p[:len(p)-1]
	}
	return appendList(b, p, func(f float64, b []byte) []byte { return AppendReal(b, f) })
}

func appendList[T any](b []byte, items []T, each func(T, []byte) []byte) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(item, b)
	}
	return append(b, ']')
}

// appendText appends the well-known text.
func (g geometry) appendText(b []byte) []byte {
	b = append(b, geometryNames[g.kind].text...)
	switch {
	case g.hasZ && g.hasM:
		b = append(b, " ZM "...)
	case g.hasZ:
		b = append(b, " Z "...)
	case g.hasM:
		b = append(b, " M "...)
	}
	if len(g.points)+len(g.rings)+len(g.parts) == 0 {
		if !g.hasZ && !g.hasM {
			b = append(b, ' ')
		}
		return append(b, "EMPTY"...)
	}
	if g.kind == 7 {
		return appendTuple(b, g.parts, geometry.appendText)
	}
	return g.appendBody(b)
}

// appendBody appends the coordinates in parentheses.
func (g geometry) appendBody(b []byte) []byte {
	switch g.kind {
	case 1, 2:
		return appendTuple(b, g.points, appendTextPoint)
	case 3:
		return appendTuple(b, g.rings, func(ring [][]float64, b []byte) []byte { return appendTuple(b, ring, appendTextPoint) })
	case 4:
		return appendTuple(b, g.parts, func(part geometry, b []byte) []byte {
			if len(part.points) == 0 {
				return append(b, "EMPTY"...)
			}
			return appendTextPoint(part.points[0], b)
		})
	}
	return appendTuple(b, g.parts, geometry.appendBody)
}

func appendTextPoint(p []float64, b []byte) []byte {
	for i, f := range p {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendJSNumber(b, f)
	}
	return b
}

func appendTuple[T any](b []byte, items []T, each func(T, []byte) []byte) []byte {
	b = append(b, '(')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(item, b)
	}
	return append(b, ')')
}
