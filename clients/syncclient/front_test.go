package syncclient_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// front is a proxy with a lasting address, behind which servers come and go.
type front struct {
	url    string
	target atomic.Pointer[url.URL]
}

func newFront(tb testing.TB, target string) *front {
	tb.Helper()
	f := &front{}
	f.point(target)
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(f.target.Load()) },
		Transport:     transport,
		FlushInterval: -1,
	}
	f.url = serveHTTP(tb, proxy)
	tb.Cleanup(transport.CloseIdleConnections)
	return f
}

func (f *front) point(target string) {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	f.target.Store(u)
}

// serveHTTP serves handler until the test ends, by then even if it is busy.
func serveHTTP(tb testing.TB, handler http.Handler) string {
	tb.Helper()
	s := httptest.NewServer(handler)
	tb.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}
