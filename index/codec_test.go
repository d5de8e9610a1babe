package index

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/incentive"
)

const (
	ss58  = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	file1 = "bafkreigaknpexyvxt76zgkitavbwx6ejgfheup5oybpm77f3pxzrvwpfdi"
)

// golden is every record as it is stored, for docs/formats.md and so that no
// change of it goes unnoticed.
func golden() map[string]any {
	day := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
	tallies := incentive.Record{Store: Tally{Attempts: 1, Successes: 2}, Challenge: Tally{Attempts: 3, Successes: 4}, Retrieve: Tally{Attempts: 5, Successes: 6}, TotalSuccesses: 7}
	return map[string]any{
		`{"v":1,"cid":"` + file1 + `","size":5,"chunks":[{"hash":"7","size":3},{"hash":"7","size":3}],"payload":"{}","stored":"2026-03-01T12:00:00.000005Z"}`: fileRecord{
			1, File{CID: file1, Size: 5, Chunks: []Chunk{{"7", 3}, {"7", 3}}, Payload: "{}", Stored: day}},
		`{"v":1,"owner":"` + ss58 + `","payload":"p","stored":"2026-03-01T12:00:00.000005Z","ttl_ns":3000000000}`: ownerRecord{
			V: 1, Ownership: Ownership{Owner: ss58, Payload: "p", Stored: day, TTL: 3 * time.Second}},
		`{"v":1,"owner":"` + ss58 + `","payload":"p","stored":"2026-03-01T12:00:00.000005Z","ttl_ns":0,"takes":7,"token":"00112233445566ff"}`: ownerRecord{
			V: 1, Ownership: Ownership{Owner: ss58, Payload: "p", Stored: day, Takes: 7}, Token: "00112233445566ff"},
		`{"v":1,"owners":2,"token":"00112233445566ff"}`: ownersRecord{1, 2, "00112233445566ff"},
		`{"v":1,"holder":"` + ss58 + `","hash":"12","kind":"random","size":9,"seed":"ab","stored":"2026-03-01T12:00:00.000005Z","ttl_ns":0,"at":1772366400,"token":"00112233445566ff","slot":4}`: holdingRecord{
			V: 1, Holding: Holding{Holder: ss58, Hash: "12", Kind: Random, Size: 9, Seed: "ab", Stored: day}, At: 1772366400, Token: "00112233445566ff", Slot: 4},
		`{"v":1,"holder":"` + ss58 + `","hash":"12","kind":"user","size":9,"seed":"ab","stored":"2026-03-01T12:00:00.000005Z","ttl_ns":0,"at":5,"sent":[{"seed":"cd","at":6}],"lost":4,"token":"00112233445566ff","slot":0}`: holdingRecord{
			V: 1, Holding: Holding{Holder: ss58, Hash: "12", Kind: User, Size: 9, Seed: "ab", Stored: day}, At: 5, Sent: []sentSeed{{"cd", 6}}, Lost: 4, Token: "00112233445566ff"},
		`{"v":1,"holder":"` + ss58 + `","hash":"12","replica":"13","kind":"user","size":9,"seed":"ab","stored":"2026-03-01T12:00:00.000005Z","ttl_ns":0,"native":{"pledge":"AQI=","asked":"Aw==","receipt":"BA=="},"at":5,"token":"00112233445566ff","audit":"ff00112233445566","slot":0}`: holdingRecord{
			V: 1, Holding: Holding{Holder: ss58, Hash: "12", Replica: "13", Kind: User, Size: 9, Seed: "ab", Stored: day, Native: &Native{[]byte{1, 2}, []byte{3}, []byte{4}}},
			At: 5, Token: "00112233445566ff", Audit: "ff00112233445566"},
		`{"v":1,"holder":"` + ss58 + `","hash":"12","since":"2026-03-01T12:00:00.000005Z"}`: auditRecord{1, ss58, "12", day},
		`{"v":1,"miner":"` + ss58 + `","id":3,"task":"challenge","hash":"12","replica":"13","size":9,"block":10,"asked":"2026-03-01T12:00:00.000005Z","settled":"2026-03-01T12:00:00.000005Z","tries":2,"passed":true,"reason":"right","elapsed_ns":5,"dossier":{"a":1}}`: trialRecord{
			1, Trial{ss58, 3, "challenge", "12", "13", 9, 10, day, day, 2, true, "right", 5, []byte(`{"a":1}`)}},
		`{"v":1,"id":3}`:                    lastTrialRecord{V: 1, ID: 3},
		`{"v":1,"id":0,"registered_at":40}`: lastTrialRecord{V: 1, RegisteredAt: 40},
		`{"v":1,"holder":"` + ss58 + `","hash":"12","replica":"13","kind":"shard","number":3,"size":9,"seed":"","stored":"2026-03-01T12:00:00.000005Z","ttl_ns":0,"native":{"pledge":"AQI=","asked":"Aw==","receipt":"BA=="},"at":0,"token":"00112233445566ff","slot":0}`: holdingRecord{
			V: 1, Holding: Holding{Holder: ss58, Hash: "12", Replica: "13", Kind: KindShard, Number: 3, Size: 9, Stored: day, Native: &Native{[]byte{1, 2}, []byte{3}, []byte{4}}},
			Token: "00112233445566ff"},
		`{"v":1,"until":"2026-03-01T12:00:00.000005Z","since":"2026-03-01T12:00:00.000005Z"}`: dropRecord{V: 1, Until: day, Since: day},
		`{"v":1,"until":"0001-01-01T00:00:00Z","since":"2026-03-01T12:00:00.000005Z"}`:        dropRecord{V: 1, Since: day},
		`{"v":1,"until":"2026-03-01T12:00:00.000005Z","since":"2026-03-01T12:00:00.000005Z","after":"2026-03-01T12:00:00.000005Z","pledge":"AQI="}`: dropRecord{
			1, day, day, day, []byte{1, 2}},
		`{"v":1,"size":0,"since":"2026-03-01T12:00:00.000005Z","index":4}`:      referenceRecord{V: 1, Since: day, Index: 4},
		`{"v":1,"size":9,"since":"2026-03-01T12:00:00.000005Z","going":true}`:   referenceRecord{V: 1, Size: 9, Since: day, Going: true},
		`{"v":1,"latest":"00112233445566ff"}`:                                   latestRecord{1, "00112233445566ff"},
		`{"v":1,"ended":"00112233445566ff","at":"2026-03-01T12:00:00.000005Z"}`: endedRecord{1, "00112233445566ff", day},
		`{"v":1,"started":"2026-03-01T12:00:00.000005Z","touched":"2026-03-01T12:00:00.000005Z","token":"00112233445566ff"}`: touchedRecord{
			V: 1, Started: day, Touched: day, Token: "00112233445566ff"},
		`{"v":1,"started":"2026-03-01T12:00:00.000005Z","touched":"2026-03-01T12:00:00.000005Z","token":"00112233445566ff","lead":"00112233445566fe","segments":3,"bytes":4}`: touchedRecord{
			1, day, day, "00112233445566ff", "00112233445566fe", 3, 4},
		`{"v":1,"bytes":3,"objects":2,"segments":1,"changes":9}`: usageRecord{1, 3, 2, 1, 9},
		`{"v":1,"id":"12","owner":"` + ss58 + `","upload":"00112233445566ff00112233445566ff","index":2,"size":9,"root":"13","data":4,"total":8,"secret":"AQI="}`: segmentRecord{
			1, "12", ss58, "00112233445566ff00112233445566ff", 2, 9, "13", 4, 8, []byte{1, 2}, "", 0},
		`{"v":1,"id":"12","owner":"` + ss58 + `","upload":"00112233445566ff00112233445566ff","index":2,"size":9,"root":"13","data":4,"total":8,"secret":"AQI=","token":"00112233445566ff"}`: segmentRecord{
			1, "12", ss58, "00112233445566ff00112233445566ff", 2, 9, "13", 4, 8, []byte{1, 2}, "00112233445566ff", 0},
		`{"v":1,"id":"12","owner":"` + ss58 + `","upload":"00112233445566ff00112233445566ff","index":2,"size":9,"root":"13","data":4,"total":8,"secret":"AQI=","token":"00112233445566ff","until":77}`: segmentRecord{
			1, "12", ss58, "00112233445566ff00112233445566ff", 2, 9, "13", 4, 8, []byte{1, 2}, "00112233445566ff", 77},
		`{"v":1,"owner":"` + ss58 + `","cid":"` + file1 + `","size":5,"upload":"00112233445566ff00112233445566ff","stored":"2026-03-01T12:00:00.000005Z","ttl_ns":3,"segments":2,"token":"00112233445566ff"}`: objectRecord{
			1, Object{Owner: ss58, CID: file1, Size: 5, Upload: "00112233445566ff00112233445566ff", Stored: day, TTL: 3}, 2, "00112233445566ff"},
		`{"v":1,"miner":"` + ss58 + `","hash":"12","asked":"2026-03-01T12:00:00.000005Z","next":"2026-03-01T12:00:00.000005Z","tries":2,"question":{"a":1}}`: pendingRecord{
			1, Pending{ss58, "12", day, day, 2, []byte(`{"a":1}`)}},
		`{"v":1,"since":"2026-03-01T12:00:00.000005Z","token":"00112233445566ff"}`: changeRecord{1, day, "00112233445566ff"},
		`{"v":1,"at":"2026-03-01T12:00:00.000005Z","until":"0001-01-01T00:00:00Z","manifest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`: goneRecord{
			1, Gone{At: day, Manifest: make([]byte, 32)}},
		`{"v":1,"holdings":3,"bytes":77}`:                        totalRecord{1, 3, 77},
		`{"v":1,"size":9,"since":"2026-03-01T12:00:00.000005Z"}`: referenceRecord{V: 1, Size: 9, Since: day},
		`{"v":1,"hotkey":"` + ss58 + `","store":{"attempts":1,"successes":2},"challenge":{"attempts":3,"successes":4},"retrieve":{"attempts":5,"successes":6},"total_successes":7,"tier":"Gold","storage_limit":8,"window":9}`: statsRecord{
			1, Stats{Hotkey: ss58, Standing: incentive.Standing{Record: tallies, Tier: "Gold", StorageLimit: 8, Window: 9}}},
		`{"v":1,"hotkey":"` + ss58 + `","store":{"attempts":1,"successes":2},"challenge":{"attempts":3,"successes":4},"retrieve":{"attempts":5,"successes":6},"total_successes":7,"tier":"Gold","storage_limit":8,"window":9,"at_start":10,"shown":11,"registered_at":13,"capacity":12}`: statsRecord{
			1, Stats{ss58, incentive.Standing{Record: tallies, Tier: "Gold", StorageLimit: 8, Window: 9, AtStart: 10, Shown: 11}, 13, 12}},
	}
}

func TestRecordsAsStored(t *testing.T) {
	for text, record := range golden() {
		if data, err := encode(record); err != nil || string(data) != text {
			t.Errorf("%T: %s, %v\nwant %s", record, data, err, text)
		}
		found := 0
		for _, back := range decodeAll([]byte(text)) {
			if found++; !reflect.DeepEqual(back, record) {
				t.Errorf("got %+v, want %+v", back, record)
			}
		}
		if found != 1 {
			t.Errorf("%s can be read as %d records", text, found)
		}
	}
}

// decodeAll reads data as every record it can be.
func decodeAll(data []byte) (all []any) {
	add := func(v any, err error) {
		if err == nil {
			all = append(all, v)
		}
	}
	add(decode1[fileRecord](data))
	add(decode1[ownerRecord](data))
	add(decode1[ownersRecord](data))
	add(decode1[holdingRecord](data))
	add(decode1[totalRecord](data))
	add(decode1[referenceRecord](data))
	add(decode1[statsRecord](data))
	add(decode1[auditRecord](data))
	add(decode1[trialRecord](data))
	add(decode1[pendingRecord](data))
	add(decode1[lastTrialRecord](data))
	add(decode1[latestRecord](data))
	add(decode1[endedRecord](data))
	add(decode1[touchedRecord](data))
	add(decode1[usageRecord](data))
	add(decode1[segmentRecord](data))
	add(decode1[objectRecord](data))
	add(decode1[dropRecord](data))
	add(decode1[changeRecord](data))
	add(decode1[goneRecord](data))
	return all
}

func decode1[T interface{ check() error }](data []byte) (any, error) { return decode[T](data) }

func TestDamagedRecords(t *testing.T) {
	good := `{"v":1,"owners":2,"token":"00112233445566ff"}`
	for _, text := range []string{
		"", "null", "{}", "[]", "1", good + good, good + "x", good[:20], strings.Replace(good, `"v":1`, `"v":2`, 1),
		strings.Replace(good, "2,", "0,", 1), strings.Replace(good, "2,", "2.5,", 1), strings.Replace(good, "ff", "FF", 1),
		strings.Replace(good, "ff", "", 1), strings.Replace(good, "}", `,"more":1}`, 1), strings.Repeat(" ", MaxValue) + good,
	} {
		if _, err := decode[ownersRecord]([]byte(text)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%.80q: error %v, want %v", text, err, ErrCorrupt)
		}
	}
	if _, err := encode(fileRecord{V: 1, File: File{Payload: strings.Repeat("p", MaxValue)}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("too much was encoded: %v", err)
	}
}

// Whatever can be read can be written, and comes back the same.
func FuzzRecords(f *testing.F) {
	for text := range golden() {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"V":1,"OWNERS":1,"token":"00112233445566ff"}`))
	f.Add([]byte(`{"v":1,"holdings":3,"bytes":-1}`))
	f.Add([]byte(`{"v":1,"id":3,"ID":0}`))
	f.Add([]byte(`{"v":1,"miner":"` + ss58 + `","hash":"12","asked":"2026-03-01T12:00:00Z","next":"2026-03-01T12:00:00Z","tries":2,"question":{ "a": "<" }}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, record := range decodeAll(data) {
			again, err := encode(record)
			if err != nil {
				t.Fatal(err)
			}
			same := false
			for _, back := range decodeAll(again) {
				if reflect.TypeOf(back) != reflect.TypeOf(record) {
					continue
				}
				third, err := encode(back)
				same = err == nil && bytes.Equal(again, third)
			}
			if !same {
				t.Fatalf("%s became %s", data, again)
			}
		}
	})
}

func FuzzReference(f *testing.F) {
	for _, s := range []string{fileRef(file1, "00112233445566ff"), holderRef(ss58, "00112233445566ff"), objectRef(ss58, file1, "00112233445566ff"), uploadRef(ss58, "00112233445566ff00112233445566ff", "00112233445566ff"), "", "::", "file:a:b", "x:y:00112233445566ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if r, err := parseReference(field); err == nil && r.prefix+r.name+":"+r.token != field {
			t.Fatalf("%q became %+v", field, r)
		}
	})
}

func TestKeys(t *testing.T) {
	for got, want := range map[string]string{
		fileGroup("c"): "file:{c}", datumGroup(User, "1"): "chunk:{1}", datumGroup(Random, "1"): "random:{1}",
		holderGroup("a"): "holder:{a}", auditGroup("t"): "audit:{t}", trialsGroup("a"): "trials:{a}", trialField(33): "trial:01", statsGroup("a"): "stats:{a}", stateGroup("n"): "state:{n}",
		ownerField("a"): "owner:a", fileRef("c", "t"): "file:c:t", holderRef("a", "t"): "holder:a:t",
		holdingField(User, "1"): "user:1", holdingField(Random, "1"): "random:1", slotField(26): "slot:000000000000001a",
		segmentGroup("1"): "segment:{1}", datumGroup(KindShard, "1"): "segment:{1}", uploadGroup("a", "u"): "upload:{a/u}", objectsGroup("a"): "objects:{a}",
		holdingField(KindShard, "1"): "shard:1", dropField("1"): "drop:1", partField(26): "segment:0000001a", objectField("c"): "object:c",
		manifestField("c"): "manifest:c", partsField("c"): "segments:c", objectRef("a", "c", "t"): "object:a/c:t", uploadRef("a", "u", "t"): "upload:a/u:t",
		tagOf("file:{c}"): "c", newsGroup(10): "news:{a}",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if token := newToken(); checkToken(token) != nil || token == newToken() {
		t.Errorf("token %q", token)
	}
}
