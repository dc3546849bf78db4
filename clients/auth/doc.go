// Package auth verifies the tokens of clients: JWTs signed by whoever the app trusts to name its users.
//
// A token passes in this order, and the first fault decides its code:
//
//	form       three parts, an accepted algorithm, no "crit" header            PSYNC_S2101
//	key        kid in the header and a key has it: that key and no other;
//	           else every key without kid that fits the algorithm              PSYNC_S2101
//	signature  checked by golang-jwt                                            PSYNC_S2101
//	claims     sub, iat, exp there and well formed, nbf passed                  PSYNC_S2101
//	expiry     exp not longer ago than the tolerance                            PSYNC_S2103
//	lifetime   exp - iat at most 24 hours                                       PSYNC_S2104
//	audience   aud has one of the configured ones                               PSYNC_S2105
//
// Algorithm confusion (a public RSA key used as an HMAC secret) is impossible twice over: a key states the algorithms
// that it may be used with, all of its own type, and the Go type of its material fits no other.
//
// Texts of errors are for clients: they never repeat a part of the token or of the configuration.
package auth
