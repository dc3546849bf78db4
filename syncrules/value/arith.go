package value

import (
	"fmt"
	"math/big"
)

// arith makes an operator: whole is exact on INTEGERs and says whether the result fits one, real works on doubles. An INTEGER
// result past 64 bits becomes a REAL.
func arith(whole func(z, a, b *big.Int) *big.Int, small func(a, b int64) (int64, bool), real func(a, b float64) float64) func([]Value) (Value, error) {
	return func(args []Value) (Value, error) {
		if args[0].IsNull() || args[1].IsNull() {
			return Value{}, nil
		}
		a, b := args[0].number(), args[1].number()
		if a.kind != Integer || b.kind != Integer {
			return Float(real(a.float(), b.float())), nil
		}
		if n, ok := small(a.Int64(), b.Int64()); ok {
			return Int(n), nil
		}
		z := whole(new(big.Int), big.NewInt(a.Int64()), big.NewInt(b.Int64()))
		if z.IsInt64() {
			return Int(z.Int64()), nil
		}
		f, _ := new(big.Float).SetInt(z).Float64()
		return Float(f), nil
	}
}

var (
	add = arith((*big.Int).Add, func(a, b int64) (int64, bool) {
		c := a + b
		return c, (c > a) == (b > 0)
	}, func(a, b float64) float64 { return a + b })
	subtract = arith((*big.Int).Sub, func(a, b int64) (int64, bool) {
		c := a - b
		return c, (c < a) == (b > 0)
	}, func(a, b float64) float64 { return a - b })
	multiply = arith((*big.Int).Mul, func(a, b int64) (int64, bool) {
		const small = 1 << 31
		return a * b, a > -small && a < small && b > -small && b < small
	}, func(a, b float64) float64 { return a * b })
	quotient = arith((*big.Int).Quo, func(a, b int64) (int64, bool) {
		return a / b, b != -1
	}, func(a, b float64) float64 { return a / b })
)

// divide truncates INTEGERs toward zero; any division by zero is NULL.
func divide(args []Value) (Value, error) {
	if !args[1].IsNull() && args[1].number().float() == 0 {
		return Value{}, nil
	}
	return quotient(args)
}

func concat(args []Value) (Value, error) {
	if args[0].IsNull() || args[1].IsNull() {
		return Value{}, nil
	}
	return TextOf(args[1].AppendText(args[0].AppendText(nil))), nil
}

// plus is unary +.
func plus(args []Value) (Value, error) { return args[0], nil }

// unsupported makes an operator that the reference reads and then fails every row with.
func unsupported(op string) func([]Value) (Value, error) {
	return func([]Value) (Value, error) { return Value{}, fmt.Errorf("operator %s is not supported", op) }
}
