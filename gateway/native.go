package gateway

import (
	"context"

	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// StreamServer takes handlers of messages that may have bodies; *stream.Server
// of package wire/stream is one.
type StreamServer interface {
	// Handle has h answer the messages that makeMsg makes, and HandleStream those
	// with bodies of at most maxBody bytes.
	Handle(makeMsg func() wire.Message, h wire.Handler, maxBody int64)
	HandleStream(makeMsg func() wire.Message, h wire.StreamHandler, maxBody int64)
}

// maxManifest bounds an encoded manifest in bytes: MaxSegments of them at some
// fifty bytes each.
const maxManifest = 8 << 20

// RegisterStreams has a server answer users who hand files in as segments. Like
// Register it leaves who gets that far to the server's door.
func (g *Gateway) RegisterStreams(s StreamServer) {
	s.HandleStream(func() wire.Message { return &wire.PutSegment{} }, streamed(g, "put segment", g.putSegment), manifest.SegmentSize+rootSize)
	s.HandleStream(func() wire.Message { return &wire.GetObject{} }, streamed(g, "get", g.getObject), 0)
	s.Handle(func() wire.Message { return &wire.UploadState{} }, plain(g, "upload state", g.uploadState), smallBody)
	s.Handle(func() wire.Message { return &wire.DropUpload{} }, plain(g, "drop upload", g.dropUpload), smallBody)
	s.Handle(func() wire.Message { return &wire.CommitObject{} }, plain(g, "commit", g.commitObject), maxManifest)
	s.Handle(func() wire.Message { return &wire.OpenObject{} }, plain(g, "open", g.openObject), smallBody)
	s.Handle(func() wire.Message { return &wire.ListObjects{} }, plain(g, "list", g.listObjects), smallBody)
	s.Handle(func() wire.Message { return &wire.Usage{} }, plain(g, "usage", g.usage), smallBody)
	s.Handle(func() wire.Message { return &wire.RenewObject{} }, plain(g, "renew", g.renewObject), smallBody)
	s.Handle(func() wire.Message { return &wire.DeleteObject{} }, plain(g, "delete", g.deleteObject), smallBody)
}

// plain makes a message's handler: the work and the books.
func plain[M wire.Message](g *Gateway, task string, work func(context.Context, wire.Caller, M) error) wire.Handler {
	return func(ctx context.Context, from wire.Caller, msg wire.Message) error {
		m, ok := msg.(M)
		if !ok {
			return unexpected(msg)
		}
		return g.answered(task, from, 0, work(ctx, from, m))
	}
}

// streamed is plain for messages with bodies.
func streamed[M wire.Message](g *Gateway, task string, work func(context.Context, wire.Caller, M, wire.Body) (wire.Body, error)) wire.StreamHandler {
	return func(ctx context.Context, from wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		m, ok := msg.(M)
		if !ok {
			return wire.Body{}, unexpected(msg)
		}
		out, err := work(ctx, from, m, in)
		return out, g.answered(task, from, int(in.Size+out.Size), err)
	}
}
