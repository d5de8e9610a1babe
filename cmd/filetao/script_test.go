package main

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets tests run the command filetao as it is built for users: without
// the race detector, under which every process takes several times as long. What
// the processes run is tested under it where it is.
func TestMain(m *testing.M) {
	os.Exit(withCommand(m.Run))
}

func withCommand(run func() int) int {
	dir, err := os.MkdirTemp("", "filetao")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-race=false", "-o", dir, ".")
	build.Env = os.Environ()
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		build.Env = append(build.Env, "CGO_ENABLED=0") // which only the detector needs
	}
	if out, err := build.CombinedOutput(); err != nil {
		log.Printf("go build: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		log.Print(err)
		return 1
	}
	return run()
}

// TestScripts runs testdata/script; $DOSSIERS is a folder of dossiers. Besides testscript's own commands there are
//
//	exits CODE command…     the command ends with this exit code
//	mode FILE OCTAL         the file or folder has this mode
//	btpw FILE PASSWORD      sets btwallet's BT_PW_ variable of a key file
//	signed NAME             sets SIG and NAME from the last output of wallet sign --json
//	serve NAME RE command…  starts a command that runs on, waits for a line that matches
//	                        and sets NAME to the match; it ends with the script
//	ends NAME CODE          Ctrl-C ends what serve started, with this exit code
func TestScripts(t *testing.T) {
	testDossiers, err := filepath.Abs(dossiers)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("DOSSIERS", testDossiers)
			env.Values["served"] = map[string]*process{}
			return os.Mkdir(env.Getenv("HOME"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": scriptExits, "mode": scriptMode, "btpw": scriptBTPW, "signed": scriptSigned, "serve": scriptServe, "ends": scriptEnds,
		},
		RequireUniqueNames: true,
	})
}

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME"), "TMPDIR="+ts.Getenv("TMPDIR"))
	p, err := startProcess(cmd)
	ts.Check(err)
	ts.Defer(func() { p.stop(syscall.SIGTERM) })
	ts.Value("served").(map[string]*process)[args[0]] = p
	match, err := p.await(args[1])
	ts.Check(err)
	ts.Setenv(args[0], match)
}

func scriptEnds(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value("served").(map[string]*process)[args[0]]
	p.stop(os.Interrupt)
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit code %s, want %s: %s", got, args[1], p.out)
	}
}

func scriptMode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[1], 8, 32)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := info.Mode().Perm(); got != fs.FileMode(want) {
		ts.Fatalf("%s has mode %v, want %v", args[0], got, fs.FileMode(want))
	}
}

func scriptBTPW(ts *testscript.TestScript, _ bool, args []string) {
	name := "BT_PW_" + strings.ToUpper(strings.NewReplacer("/", "_", ".", "_").Replace(ts.MkAbs(args[0])))
	value := []byte(args[1])
	for i := range value {
		value[i] ^= name[i%len(name)]
	}
	ts.Setenv(name, base64.StdEncoding.EncodeToString(value))
}

func scriptSigned(ts *testscript.TestScript, _ bool, args []string) {
	field := func(name string) string {
		_, rest, ok := strings.Cut(ts.ReadFile("stdout"), `"`+name+`":"`)
		value, _, closed := strings.Cut(rest, `"`)
		if !ok || !closed {
			ts.Fatalf("the last output has no %q", name)
		}
		return value
	}
	ts.Setenv("SIG", field("signature"))
	ts.Setenv(args[0], field("address"))
}
