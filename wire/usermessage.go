package wire

// StoreUser hands a user's file to a gateway.
type StoreUser struct {
	EncryptedData     []byte // request
	EncryptionPayload string // request: JSON, "{}" when the user did not encrypt
	DataHash          string // the CID
	TTL               *int64 // request: seconds
}

// Name is "StoreUser".
func (*StoreUser) Name() string { return "StoreUser" }

// Fields are those of the reference's class.
func (m *StoreUser) Fields() []Field {
	return []Field{
		{Name: "encrypted_data", Value: &m.EncryptedData, Required: true, Hashed: true},
		{Name: "encryption_payload", Value: &m.EncryptionPayload, Required: true, Hashed: true},
		{Name: "data_hash", Value: &m.DataHash, Answer: true},
		{Name: "ttl", Value: &m.TTL},
	}
}

// RetrieveUser asks a gateway for a user's file.
type RetrieveUser struct {
	DataHash          string // request: the CID
	EncryptedData     []byte
	EncryptionPayload string
}

// Name is "RetrieveUser".
func (*RetrieveUser) Name() string { return "RetrieveUser" }

// Fields are those of the reference's class.
func (m *RetrieveUser) Fields() []Field {
	return []Field{
		{Name: "data_hash", Value: &m.DataHash, Required: true, Hashed: true},
		{Name: "encrypted_data", Value: &m.EncryptedData, Answer: true},
		{Name: "encryption_payload", Value: &m.EncryptionPayload, Answer: true},
	}
}

// DeleteUser asks a gateway to delete a user's file.
type DeleteUser struct {
	DataHash          string // request: the CID
	EncryptionPayload string // request: unused; some of the reference's releases insist on it
	Deleted           bool
}

// Name is "DeleteUser".
func (*DeleteUser) Name() string { return "DeleteUser" }

// Fields are those of the reference's class.
func (m *DeleteUser) Fields() []Field {
	return []Field{
		{Name: "data_hash", Value: &m.DataHash, Required: true, Hashed: true},
		{Name: "encryption_payload", Value: &m.EncryptionPayload, Sent: true},
		{Name: "deleted", Value: &m.Deleted, Answer: true},
	}
}
