package client_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// Store a file with the keys of a wallet on disk and fetch it again.
func Example() {
	ctx := context.Background()
	node, err := devchain.Dial(ctx, "ws://127.0.0.1:9944")
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	graph, err := node.Metagraph(ctx, 21)
	if err != nil {
		log.Fatal(err)
	}
	files := wallet.At(wallet.Location{Path: "/home/user/.bittensor/wallets", Name: "default", Hotkey: "default"})
	hotkey, err := files.Hotkey() // owns the files
	if err != nil {
		log.Fatal(err)
	}
	coldkey, err := files.Coldkey(func(string) (string, error) { return "the password", nil })
	if err != nil {
		log.Fatal(err)
	}
	keys := client.Keys{
		User:      func() (envelope.UserKey, error) { return envelope.UserKeyOf(coldkey.PrivateKeyHex()), nil },
		Reference: func() (envelope.Key, error) { return envelope.DeriveKey(coldkey.PrivateKeyHex()), nil }, // takes seconds
	}

	plain := synapse.NewClient(synapse.ClientConfig{Key: hotkey}, synapse.ClientDeps{})
	defer plain.Close()
	fast := stream.NewClient(stream.ClientConfig{Key: hotkey}, stream.ClientDeps{})
	defer fast.Close()
	peers := stream.NewNegotiator(plain, fast)
	c := client.New(client.Config{}, client.Deps{
		Transport: peers, Streams: peers, Hotkey: hotkey, Metagraph: func() *chain.Metagraph { return graph },
	})
	film, err := os.Open("film.mkv")
	if err != nil {
		log.Fatal(err)
	}
	defer film.Close()
	info, err := film.Stat()
	if err != nil {
		log.Fatal(err)
	}
	stored, err := c.PutFile(ctx, client.FileSource(film, info.Size()), client.PutFileOptions{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	got, err := c.GetFile(ctx, stored.CID, "film-again.mkv", client.GetFileOptions{Keys: keys, Gateways: stored.Gateways})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Size)
}

// Put encrypts unless told otherwise, and takes the data over. Get checks what
// comes back against the CID before it decrypts.
func ExampleClient_Put() {
	n := exampleNetwork()
	c := client.New(client.Config{}, client.Deps{Transport: n, Metagraph: n.Metagraph})
	key := envelope.Key{42} // envelope.DeriveKey makes one from a coldkey

	ctx := context.Background()
	stored, err := c.Put(ctx, []byte("hello"), client.PutOptions{Encrypt: &key})
	if err != nil {
		log.Fatal(err)
	}
	data, err := c.Get(ctx, stored.CID, client.GetOptions{Key: &key})
	fmt.Printf("%s %v\n", data, err)

	_, err = c.Put(ctx, []byte("hello"), client.PutOptions{})
	fmt.Println(err)

	if err := c.Delete(ctx, stored.CID, client.DeleteOptions{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello <nil>
	// put: no encryption key: give one or ask for plain storage
}

// A Book remembers what was stored, in the reference's form.
func ExampleBook() {
	dir, err := os.MkdirTemp("", "hashes")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	book, err := client.OpenBook(dir, "default")
	if err != nil {
		log.Fatal(err)
	}
	const id = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
	if _, err := book.Add(client.Entry{Name: "song.mp3", CID: id, Gateways: []wallet.Address{alice}}); err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(book.Path())
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// {
	//     "song.mp3": "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
	//     "song.mp3_hotkeys": [
	//         "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	//     ]
	// }
	// <nil>
}
