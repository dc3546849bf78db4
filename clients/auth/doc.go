// Package auth verifies the tokens of clients: JWTs signed by whoever the app trusts to name its users.
//
// A token passes in this order, and the first fault decides its code:
//
//	form       three parts, an accepted algorithm, no "crit" header            PSYNC_S2101
//	key        kid in the header and a key has it: that key and no other;
//	           else every key without kid that fits the algorithm              PSYNC_S2101
//	           no key is configured at all                                     PSYNC_S2201
//	           none fits, and a URI leads to a refused address                 PSYNC_S2203
//	           none fits, and a URI could not be fetched                       PSYNC_S2204
//	signature  checked by golang-jwt                                           PSYNC_S2101
//	claims     sub, iat, exp there and well formed, nbf passed                 PSYNC_S2101
//	expiry     exp not longer ago than the tolerance                           PSYNC_S2103
//	lifetime   exp - iat at most 24 hours (keys of Supabase: a week)           PSYNC_S2104
//	audience   aud has one of the configured ones (of Supabase: its own)       PSYNC_S2105
//
// Algorithm confusion (a public RSA key used as an HMAC secret) is impossible twice over: a key states the algorithms
// that it may be used with, all of its own type, and the Go type of its material fits no other.
//
// Keys are static (jwk.go) or come from URIs (keyset.go holds them, refresh.go keeps them fresh, fetch.go gets them). For these:
//
//   - Run fetches every 5 minutes, after failures first every second, then less and less often, down to once a minute. Keys outlive
//     failures for an hour.
//   - A token whose key is unknown has them fetched at once and waits for that, at most 3 seconds. Since anybody can make such tokens,
//     only 10 of these fetches may come at once and then one a minute; an identity provider that rotates its keys sooner than that
//     while under such an attack is noticed by the next regular fetch.
//   - Nothing is fetched from addresses that are not on the public internet, unless the configuration allows it (addresses.go).
//     That is judged for each connection after all look-ups, so that no DNS answer gets around it. Redirects are not followed.
//   - What a URI says is bounded in time and size. Secrets in it (oct keys), keys for other uses and malformed keys are left out.
//
// Ed448 is not supported, as golang-jwt has no signatures of it: such a static key is a fault, one of a URI is left out.
//
// Texts of errors are for clients: they never repeat a part of the token or of the configuration.
package auth
