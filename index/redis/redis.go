// Package redis is an index.KV in a Redis server or Redis Cluster, for a
// validator and gateways in several processes that share one index. It is not a
// cache and must not be run as one: what the server evicts or loses is lost.
// Enter at Open.
package redis
