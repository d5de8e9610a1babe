package wire

// PutSegment hands a gateway one segment of a file on its way, which is named by
// its owner's hotkey, the upload and its place. The body is the segment, Size
// bytes, and its root (package erasure), 32 bytes. What was acknowledged stays
// until the upload is committed, dropped, or not touched for too long; a segment
// that is there already may be put again at the cost of its bytes.
type PutSegment struct {
	Upload []byte // request: 16 bytes, the owner's choice
	Index  int64  // request: the segment's place in the file, from 0
	Size   int64  // request: bytes, 1 to manifest.SegmentSize
	Secret []byte // request: the file's secret for masks, 32 bytes
	TTL    int64  // request: seconds the file is to be kept, 0 for the gateway's default
	Data   int64  // so many shards give the segment back
	Total  int64  // so many shards there are
	Held   int64  // so many of them are held
}

// Name is "PutSegment".
func (*PutSegment) Name() string { return "PutSegment" }

// Fields are the segment's name and the answer.
func (m *PutSegment) Fields() []Field {
	return []Field{
		{Name: "upload", Value: &m.Upload, Required: true, Hashed: true},
		{Name: "index", Value: &m.Index, Required: true, Hashed: true},
		{Name: "size", Value: &m.Size, Required: true, Hashed: true},
		{Name: "secret", Value: &m.Secret, Required: true, Hashed: true},
		{Name: "ttl", Value: &m.TTL, Required: true, Hashed: true},
		{Name: "data", Value: &m.Data, Answer: true},
		{Name: "total", Value: &m.Total, Answer: true},
		{Name: "held", Value: &m.Held, Answer: true},
	}
}

// UploadState asks which segments of an upload of the asker's are there, page by
// page. What it says is what was acknowledged: whether it is there still shows
// when the file is committed.
type UploadState struct {
	Upload   []byte // request: 16 bytes
	From     int64  // request: the first place that is asked for
	Limit    int64  // request: how many are looked at, at most: 1 to 4096
	Segments []byte // JSON: [{"index","size","root","data","total"}] by ascending index
	Next     int64  // the place to go on with; 0 if there are no more
}

// Name is "UploadState".
func (*UploadState) Name() string { return "UploadState" }

// Fields are the upload, the page and the answer.
func (m *UploadState) Fields() []Field {
	return []Field{
		{Name: "upload", Value: &m.Upload, Required: true, Hashed: true},
		{Name: "from", Value: &m.From, Required: true, Hashed: true},
		{Name: "limit", Value: &m.Limit, Required: true, Hashed: true},
		{Name: "segments", Value: &m.Segments, Answer: true},
		{Name: "next", Value: &m.Next, Answer: true},
	}
}

// DropUpload gives an upload up; its segments go.
type DropUpload struct {
	Upload  []byte // request: 16 bytes
	Dropped bool
}

// Name is "DropUpload".
func (*DropUpload) Name() string { return "DropUpload" }

// Fields are the upload and the answer.
func (m *DropUpload) Fields() []Field {
	return []Field{
		{Name: "upload", Value: &m.Upload, Required: true, Hashed: true},
		{Name: "dropped", Value: &m.Dropped, Answer: true},
	}
}

// CommitObject makes a file of the asker's out of a signed manifest, whose
// segments the gateway holds: from the answer on it is there. Committing the
// same manifest again renews it.
type CommitObject struct {
	Manifest  []byte // request: a manifest.Manifest, encoded
	Signature []byte // request: the owner's, 64 bytes
	TTL       int64  // request: seconds, 0 for the gateway's default
	Expires   int64  // Unix seconds
}

// Name is "CommitObject".
func (*CommitObject) Name() string { return "CommitObject" }

// Fields are the manifest and the answer.
func (m *CommitObject) Fields() []Field {
	return []Field{
		{Name: "manifest", Value: &m.Manifest, Required: true, Hashed: true},
		{Name: "signature", Value: &m.Signature, Required: true, Hashed: true},
		{Name: "ttl", Value: &m.TTL, Required: true, Hashed: true},
		{Name: "expires", Value: &m.Expires, Answer: true},
	}
}

// OpenObject asks for what a file of the asker's is, and where the shards of some of
// its segments are. Whoever asks for all, page by page, holds the signatures against
// each other: they are of the same file as long as they are the same.
type OpenObject struct {
	CID       string // request
	From      int64  // request: the first segment of which is asked where its shards are
	Count     int64  // request: of how many, up to 256; 0: of none
	Manifest  []byte // as committed, when From is 0
	Signature []byte // as committed
	Placement []byte // JSON of a manifest.Placement of these segments
	Expires   int64  // Unix seconds
}

// Name is "OpenObject".
func (*OpenObject) Name() string { return "OpenObject" }

// Fields are the name, the page and the answer.
func (m *OpenObject) Fields() []Field {
	return []Field{
		{Name: "cid", Value: &m.CID, Required: true, Hashed: true},
		{Name: "from", Value: &m.From, Required: true, Hashed: true},
		{Name: "count", Value: &m.Count, Required: true, Hashed: true},
		{Name: "manifest", Value: &m.Manifest, Answer: true},
		{Name: "signature", Value: &m.Signature, Answer: true},
		{Name: "placement", Value: &m.Placement, Answer: true},
		{Name: "expires", Value: &m.Expires, Answer: true},
	}
}

// GetObject asks for a part of a file of the asker's, as it was handed in. The
// answer's body is the part. The answer to a small file asked for as a whole may
// say what it is too, so that one exchange does.
type GetObject struct {
	CID       string // request
	Offset    int64  // request: bytes
	Length    int64  // request: bytes, 0 for all that follows
	Size      int64  // of the file, bytes
	Manifest  []byte // as committed, when Offset is 0
	Signature []byte // as committed, when Offset is 0
}

// Name is "GetObject".
func (*GetObject) Name() string { return "GetObject" }

// Fields are the part and the answer.
func (m *GetObject) Fields() []Field {
	return []Field{
		{Name: "cid", Value: &m.CID, Required: true, Hashed: true},
		{Name: "offset", Value: &m.Offset, Required: true, Hashed: true},
		{Name: "length", Value: &m.Length, Required: true, Hashed: true},
		{Name: "size", Value: &m.Size, Answer: true},
		{Name: "manifest", Value: &m.Manifest, Answer: true},
		{Name: "signature", Value: &m.Signature, Answer: true},
	}
}

// ListObjects asks for the asker's files, by ascending CID.
type ListObjects struct {
	After   string // request: the CID after which to begin; "" for the first
	Limit   int64  // request: how many at most, 1 to 1000
	Objects []byte // JSON: [{"cid","size","stored","expires"}], sizes in bytes, times in Unix seconds
}

// Name is "ListObjects".
func (*ListObjects) Name() string { return "ListObjects" }

// Fields are the page and the answer.
func (m *ListObjects) Fields() []Field {
	return []Field{
		{Name: "after", Value: &m.After, Required: true, Hashed: true},
		{Name: "limit", Value: &m.Limit, Required: true, Hashed: true},
		{Name: "objects", Value: &m.Objects, Answer: true},
	}
}

// Usage asks what the asker's files take, and what they may; 0 for what has no
// limit.
type Usage struct {
	Bytes, MaxBytes       int64 // on all disks: shards, and manifests with what is in them
	Objects, MaxObjects   int64
	Segments, MaxSegments int64
	Uploads, MaxUploads   int64 // begun and neither committed nor dropped
}

// Name is "Usage".
func (*Usage) Name() string { return "Usage" }

// Fields are the answer.
func (m *Usage) Fields() []Field {
	return []Field{
		{Name: "bytes", Value: &m.Bytes, Answer: true},
		{Name: "max_bytes", Value: &m.MaxBytes, Answer: true},
		{Name: "objects", Value: &m.Objects, Answer: true},
		{Name: "max_objects", Value: &m.MaxObjects, Answer: true},
		{Name: "segments", Value: &m.Segments, Answer: true},
		{Name: "max_segments", Value: &m.MaxSegments, Answer: true},
		{Name: "uploads", Value: &m.Uploads, Answer: true},
		{Name: "max_uploads", Value: &m.MaxUploads, Answer: true},
	}
}

// RenewObject has a file of the asker's kept for TTL from now on, on the miners
// too, or as long as it is already if that is longer.
type RenewObject struct {
	CID     string // request
	TTL     int64  // request: seconds, 0 for the gateway's default
	Shorten bool   // request: for TTL also if it would be kept longer
	Expires int64  // Unix seconds
}

// Name is "RenewObject".
func (*RenewObject) Name() string { return "RenewObject" }

// Fields are the time and the answer.
func (m *RenewObject) Fields() []Field {
	return []Field{
		{Name: "cid", Value: &m.CID, Required: true, Hashed: true},
		{Name: "ttl", Value: &m.TTL, Required: true, Hashed: true},
		{Name: "shorten", Value: &m.Shorten, Required: true, Hashed: true},
		{Name: "expires", Value: &m.Expires, Answer: true},
	}
}

// DeleteObject deletes a file of the asker's.
type DeleteObject struct {
	CID     string // request
	Deleted bool
}

// Name is "DeleteObject".
func (*DeleteObject) Name() string { return "DeleteObject" }

// Fields are the name and the answer.
func (m *DeleteObject) Fields() []Field {
	return []Field{
		{Name: "cid", Value: &m.CID, Required: true, Hashed: true},
		{Name: "deleted", Value: &m.Deleted, Answer: true},
	}
}
