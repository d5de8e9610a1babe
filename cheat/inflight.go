package cheat

import "sync"

// inflight counts what is under way until it ends.
type inflight struct {
	mu    sync.Mutex // guards ended, and wg.Add against wg.Wait
	ended bool
	wg    sync.WaitGroup
}

// enter counts one in; false after the end.
func (i *inflight) enter() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.ended {
		i.wg.Add(1)
	}
	return !i.ended
}

func (i *inflight) leave() { i.wg.Done() }

// end lets nobody in any more and waits for those who are.
func (i *inflight) end() {
	i.mu.Lock()
	i.ended = true
	i.mu.Unlock()
	i.wg.Wait()
}
