// The reference for the cluster-agent's status POST and configs GET: Go's net/http doing the same work, with a bearer token
// compared in constant time, JSON in and out, a store behind a lock, and TLS 1.3. Every node has the configs of the response
// in a file, which a cluster-agent gave; the response is encoded anew for each request. Used by the script `run`.
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

// A config on the wire: bytes are base64 in JSON.
type config struct {
	Name                    string          `json:"check_name"`
	Instances               [][]byte        `json:"instances"`
	InitConfig              []byte          `json:"init_config"`
	MetricConfig            []byte          `json:"metric_config"`
	LogsConfig              []byte          `json:"logs"`
	ADIdentifiers           []string        `json:"ad_identifiers"`
	AdvancedADIdentifiers   json.RawMessage `json:"advanced_ad_identifiers"`
	Provider                string          `json:"provider"`
	ServiceID               string          `json:"service_id"`
	ClusterCheck            bool            `json:"cluster_check"`
	NodeName                string          `json:"node_name"`
	Source                  string          `json:"source"`
	IgnoreAutodiscoveryTags bool            `json:"ignore_autodiscovery_tags"`
	CheckTagCardinality     string          `json:"check_tag_cardinality"`
	MetricsExcluded         bool            `json:"metrics_excluded"`
	LogsExcluded            bool            `json:"logs_excluded"`
}

type configs struct {
	LastChange int64    `json:"last_change"`
	Configs    []config `json:"configs"`
}

type node struct {
	heartbeat  time.Time
	lastChange int64
	address    string
	// By digest, as the store of a cluster agent keeps them.
	configs map[int]config
}

type store struct {
	sync.RWMutex
	nodes map[string]*node
	given configs
}

// node returns the node with an id. The lock must be held.
func (s *store) node(id string) *node {
	one := s.nodes[id]
	if one == nil {
		one = &node{configs: map[int]config{}}
		for index, config := range s.given.Configs {
			one.configs[index] = config
		}
		s.nodes[id] = one
	}
	return one
}

func (s *store) postStatus(w http.ResponseWriter, r *http.Request, id string) {
	var body status
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Lock()
	one := s.node(id)
	one.heartbeat = time.Now()
	if ip := r.Header.Get("X-Real-Ip"); ip != "" {
		one.address = ip
	}
	upToDate := body.LastChange == -1 || body.LastChange == one.lastChange
	s.Unlock()
	write(w, answer{IsUpToDate: upToDate})
}

func (s *store) getConfigs(w http.ResponseWriter, id string) {
	s.Lock()
	one := s.node(id)
	all := make([]config, 0, len(one.configs))
	for _, config := range one.configs {
		all = append(all, config)
	}
	lastChange := s.given.LastChange
	s.Unlock()
	write(w, configs{LastChange: lastChange, Configs: all})
}

func write(w http.ResponseWriter, value any) {
	bytes, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(bytes)
}

func main() {
	address, certificate, key, token, given := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	known := &store{nodes: map[string]*node{}}
	text, err := os.ReadFile(given)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, &known.given); err != nil {
		log.Fatal(given, ": ", err)
	}
	authorized := func(prefix string, next func(http.ResponseWriter, *http.Request, string)) {
		http.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
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
			next(w, r, r.URL.Path[len(prefix):])
		})
	}
	authorized("/api/v1/clusterchecks/status/", known.postStatus)
	authorized("/api/v1/clusterchecks/configs/", func(w http.ResponseWriter, r *http.Request, id string) {
		known.getConfigs(w, id)
	})
	server := &http.Server{
		Addr:      address,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13},
		// HTTP/1.1 only, as in the cluster-agent.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	log.Fatal(server.ListenAndServeTLS(certificate, key))
}
