// The yardstick for the cluster-agent's status POST: Go's net/http doing the same work. Bearer token compared in constant time, JSON in
// and out, a store behind a lock, TLS 1.3. Used by the script `run` beside it.
package main

import (
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type status struct {
	LastChange int64 `json:"last_change"`
	NodeType   int   `json:"node_type,omitempty"`
}

type answer struct {
	IsUpToDate bool `json:"isuptodate"`
}

type node struct {
	heartbeat  time.Time
	lastChange int64
	address    string
}

type store struct {
	sync.Mutex
	nodes map[string]*node
}

func main() {
	address, certificate, key, token := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	known := &store{nodes: map[string]*node{}}
	const prefix = "/api/v1/clusterchecks/status/"
	mux := http.NewServeMux()
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Get("Authorization")
		if !strings.HasPrefix(given, "Bearer ") {
			w.Header().Set("WWW-Authenticate", `Bearer realm="cluster-agent"`)
			http.Error(w, "no session token provided", http.StatusUnauthorized)
			return
		}
		if subtle.ConstantTimeCompare([]byte(given[len("Bearer "):]), []byte(token)) != 1 {
			http.Error(w, "invalid session token", http.StatusForbidden)
			return
		}
		var body status
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id := r.URL.Path[len(prefix):]
		known.Lock()
		one := known.nodes[id]
		if one == nil {
			one = &node{}
			known.nodes[id] = one
		}
		one.heartbeat = time.Now()
		if ip := r.Header.Get("X-Real-Ip"); ip != "" {
			one.address = ip
		}
		upToDate := body.LastChange == -1 || body.LastChange == one.lastChange
		known.Unlock()
		bytes, err := json.Marshal(answer{IsUpToDate: upToDate})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(bytes)
	})
	server := &http.Server{
		Addr: address, Handler: mux,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13},
		// HTTP/1.1 only, as the cluster-agent.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	log.Fatal(server.ListenAndServeTLS(certificate, key))
}
