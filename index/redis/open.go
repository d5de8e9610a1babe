package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrServer: the server cannot keep an index.
var ErrServer = errors.New("redis: not a server for an index")

const (
	dialTimeout = 5 * time.Second
	ioTimeout   = 10 * time.Second // one reply; values go up to index.MaxValue
)

// connect makes a client for a URL. No error of it shows the password.
func connect(at string) (redis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(at, "://")
	plain, cluster := strings.CutSuffix(scheme, "+cluster")
	if plain != "redis" && plain != "rediss" {
		return nil, fmt.Errorf("redis: URL scheme %.20q: want redis, rediss, redis+cluster or rediss+cluster", scheme)
	}
	if !cluster {
		o, err := redis.ParseURL(at)
		if err != nil {
			return nil, urlError(err)
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTimeout, ioTimeout, ioTimeout
		o.ContextTimeoutEnabled, o.DialerRetries = true, 1
		o.Protocol, o.MaintNotificationsConfig = 2, &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		return redis.NewClient(o), nil
	}
	o, err := redis.ParseClusterURL(clusterURL(plain, rest))
	if err != nil {
		return nil, urlError(err)
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTimeout, ioTimeout, ioTimeout
	o.ContextTimeoutEnabled, o.DialerRetries = true, 1
	o.Protocol, o.MaintNotificationsConfig = 2, &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.DisableRoutingPolicies = true // every command here has one key, or names its server
	return redis.NewClusterClient(o), nil
}

// clusterURL turns a list of hosts into go-redis's form of it: the first is the
// URL's, each other one an addr in the query.
func clusterURL(scheme, rest string) string {
	rest, query, _ := strings.Cut(rest, "?")
	login, hosts := "", strings.TrimSuffix(rest, "/")
	if i := strings.LastIndex(hosts, "@"); i >= 0 {
		login, hosts = hosts[:i+1], hosts[i+1:]
	}
	all := strings.Split(hosts, ",")
	for _, host := range all[1:] {
		query += "&addr=" + url.QueryEscape(host)
	}
	return scheme + "://" + login + all[0] + "?" + strings.TrimPrefix(query, "&")
}

func urlError(err error) error {
	if parse, ok := errors.AsType[*url.Error](err); ok {
		err = parse.Err // without the URL
	}
	return fmt.Errorf("redis: URL: %w", err)
}

// inspect looks at every server: an error for one that cannot keep an index, a
// warning for one that may lose it.
func (kv *kv) inspect(ctx context.Context) error {
	masters, err := kv.masters(ctx)
	if err != nil {
		return err
	}
	for _, master := range masters {
		text, err := master.Info(ctx).Result()
		if err != nil {
			return wrap(err)
		}
		if err := kv.judge(master.Options(), parseInfo(text)); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrServer, master.Options().Addr, err)
		}
	}
	if cluster, ok := kv.client.(*redis.ClusterClient); ok {
		text, err := cluster.ClusterInfo(ctx).Result()
		if err != nil {
			return wrap(err)
		}
		if state := parseInfo(text)["cluster_state"]; state != "ok" {
			return fmt.Errorf("%w: cluster state is %q", ErrServer, state)
		}
	}
	return nil
}

func (kv *kv) judge(o *redis.Options, info map[string]string) error {
	var major, minor int
	if _, err := fmt.Sscanf(info["redis_version"], "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("unknown version %q", info["redis_version"])
	}
	_, cluster := kv.client.(*redis.ClusterClient)
	switch {
	case major < 6 || major == 6 && minor < 2:
		return fmt.Errorf("version %d.%d, need at least 6.2", major, minor)
	case info["role"] != "master":
		return errors.New("it is a replica, which takes no writes")
	case !cluster && info["redis_mode"] == "cluster":
		return errors.New("it is part of a cluster: use redis+cluster://")
	}
	log := kv.log.With("server", o.Addr)
	if o.Password == "" && o.CredentialsProviderContext == nil {
		log.Warn("redis index without a password: whoever reaches the port owns the index")
	}
	if info["aof_enabled"] != "1" {
		log.Warn("redis index without appendonly: what was written last is lost with the server")
	}
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		log.Warn("redis index on a server that forgets when it is full", "maxmemory-policy", policy)
	}
	return nil
}

// parseInfo reads lines of "name:value".
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSpace(s.Text()), ":"); ok {
			info[name] = value
		}
	}
	return info
}
