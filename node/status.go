package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/filetao/filetao/internal/durable"
)

// statusFile is where a node writes the address of its status page, so that
// commands beside it find it: <dir>/status.addr.
const statusFile = "status.addr"

// Status is what the status page says of a node as JSON at /status.
type Status struct {
	Role    string `json:"role"`
	Hotkey  string `json:"hotkey"`
	UID     *int   `json:"uid"` // null while not registered
	Axon    string `json:"axon,omitempty"`
	Block   uint64 `json:"block"`
	Neurons int    `json:"neurons"`
	Ready   bool   `json:"ready"`
}

// statusServer is the node's page for its operator: /status, /metrics and, on
// a node with an index, /miners and /audits.
type statusServer struct {
	listener net.Listener
	file     string // that says where it listens, as long as it does
	addr     netip.AddrPort
	server   *http.Server
	mux      *http.ServeMux
}

func newStatusServer(listen, file, role string, n *Node) (*statusServer, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	addr, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := durable.WriteFile(file, []byte(addr.String()+"\n"), 0o644); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, n.snapshot(role)) })
	return &statusServer{
		listener: l, file: file, addr: addr, mux: mux,
		server: &http.Server{
			Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		},
	}, nil
}

// Run serves until ctx ends, and takes the file with its address away.
func (s *statusServer) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.server.Close() }) // Serve reports the end; there is nothing to drain
	defer stop()
	err := s.server.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(s.file))
}

func (n *Node) snapshot(role string) Status {
	s := Status{Role: role, Hotkey: string(n.Hotkey()), Block: n.follower.Head().Number}
	if n.server != nil {
		s.Axon = n.server.Addr().String()
	}
	if m := n.follower.Metagraph(); m != nil {
		s.Neurons = len(m.Neurons)
		if neuron, ok := m.ByHotkey(n.Hotkey()); ok {
			uid := int(neuron.UID)
			s.UID = &uid
		}
	}
	select {
	case <-n.ready:
		s.Ready = true
	default:
	}
	return s
}

func writeJSON(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // the reader left: nobody to tell
}

// StatusAddrOf is the address of the status page of the node that runs on a
// folder, or was killed on it.
func StatusAddrOf(dir string) (netip.AddrPort, error) {
	data, err := os.ReadFile(filepath.Join(dir, statusFile))
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(strings.TrimSpace(string(data)))
}
