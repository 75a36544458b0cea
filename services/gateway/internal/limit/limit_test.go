package limit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"voicehelper/gateway/internal/config"
)

var silent = slog.New(slog.DiscardHandler)

func TestLocal(t *testing.T) {
	l := local{through: map[string]time.Time{}}
	now := time.Now()
	for i := range 60 {
		if wait := l.allow("a", 60, now); wait != 0 {
			t.Fatalf("number %d waits %v", i, wait)
		}
	}
	if wait := l.allow("a", 60, now); wait != time.Second {
		t.Errorf("one too many waits %v", wait)
	}
	if wait := l.allow("b", 60, now); wait != 0 {
		t.Errorf("another waits %v", wait)
	}
	if wait := l.allow("a", 60, now.Add(time.Second)); wait != 0 {
		t.Errorf("a second later one waits %v", wait)
	}
	if wait := l.allow("a", 60, now.Add(time.Second)); wait != time.Second {
		t.Errorf("and the next one waits %v", wait)
	}
}

func TestLocalIsBounded(t *testing.T) {
	l := local{through: map[string]time.Time{}}
	now := time.Now()
	for i := range 2 * mostKeys {
		l.allow(strconv.Itoa(i), 60, now)
		if len(l.through) > mostKeys {
			t.Fatalf("%d keys", len(l.through))
		}
	}
}

func TestNoLimit(t *testing.T) {
	l := New(config.Redis{}, silent)
	for range 1000 {
		if wait := l.Allow(t.Context(), "a", 0); wait != 0 {
			t.Fatalf("waits %v", wait)
		}
	}
}

func TestRedisAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // which takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := New(config.Redis{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Cluster: true}, silent)
	defer l.Close()
	began := time.Now()
	var refused int
	for range 100 {
		if l.Allow(t.Context(), "a", 10) > 0 {
			refused++
		}
	}
	if refused != 90 {
		t.Errorf("%d refused, wanted 90", refused)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a hundred took %v: who is away is asked too often", took)
	}
	if l.Shared() {
		t.Error("it takes Redis for there")
	}
}

// Two replicas against a real member with cluster mode, TLS and a user of the application's rights.
func TestSharedByReplicas(t *testing.T) {
	of := startRedis(t)
	first, second := New(of, silent), New(of, silent)
	defer first.Close()
	defer second.Close()
	var allowed int
	for i := range 40 {
		limiter := []*Limiter{first, second}[i%2]
		if limiter.Allow(t.Context(), "user:a", 20) == 0 {
			allowed++
		}
	}
	if !first.Shared() || !second.Shared() {
		t.Fatal("Redis was not asked")
	}
	if allowed != 20 {
		t.Errorf("%d were allowed, wanted 20 of both together", allowed)
	}
	if wait := first.Allow(t.Context(), "user:a", 20); wait < 2*time.Second || wait > 3*time.Second {
		t.Errorf("the next one waits %v, wanted nearly 3s", wait)
	}
	if wait := second.Allow(t.Context(), "user:b", 20); wait != 0 {
		t.Errorf("another one waits %v", wait)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	first.Allow(gone, "user:a", 20)
	if !first.Shared() {
		t.Error("a client that went away was taken for Redis being away")
	}
}

// startRedis runs a cluster of one member.
func startRedis(t *testing.T) config.Redis {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server on this machine")
	}
	folder := t.TempDir()
	certify(t, folder)
	const password = "a-password-of-the-test"
	rules := "user voicehelper on >" + password + " ~* &* +@all -@admin -@dangerous +info +sort\nuser default off\nuser admin on >" + password + " ~* &* +@all\n"
	if err := os.WriteFile(filepath.Join(folder, "users.acl"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	server := exec.Command(program, "--port", "0", "--tls-port", strconv.Itoa(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes",
		"--tls-cluster", "no", "--tls-auth-clients", "no", "--tls-cert-file", "tls.crt", "--tls-key-file", "tls.key", "--tls-ca-cert-file", "tls.crt",
		"--aclfile", "users.acl", "--save", "", "--dir", folder, "--cluster-announce-ip", "127.0.0.1")
	server.Dir = folder
	if port > 55535 { // the bus is 10000 above it
		server.Args = append(server.Args, "--cluster-port", strconv.Itoa(port-10000))
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	t.Setenv("SSL_CERT_FILE", filepath.Join(folder, "tls.crt"))
	of := config.Redis{Host: "localhost", Port: port, User: "voicehelper", Password: password, TLS: true, Cluster: true}

	administrator := of
	administrator.User, administrator.Cluster = "admin", false
	admin := New(administrator, silent)
	defer admin.Close()
	client := admin.redis.(interface {
		Do(context.Context, ...any) *redis.Cmd
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := client.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", "0", "16383").Err()
		if err == nil || time.Now().After(deadline) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	for deadline := time.Now().Add(10 * time.Second); client.Do(t.Context(), "SET", "a", "b").Err() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the cluster does not serve")
		}
	}
	return of
}

// certify writes a certificate of localhost, which is its own authority.
func certify(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: certificate}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", name, err))
		}
	}
}
