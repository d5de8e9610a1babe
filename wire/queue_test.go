package wire

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1)
		if err := q.Wait(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		var order []float64
		for _, p := range []float64{1, 5, 3, 5, 2} {
			go func() {
				if err := q.Wait(t.Context(), p); err == nil {
					order = append(order, p)
					q.Done()
				}
			}()
			synctest.Wait()
		}
		if q.Waiting() != 5 {
			t.Errorf("%d wait", q.Waiting())
		}
		q.Done()
		synctest.Wait()
		if !slices.Equal(order, []float64{5, 5, 3, 2, 1}) {
			t.Errorf("served in order %v", order)
		}
		if q.free != 1 || q.Waiting() != 0 {
			t.Errorf("%d free, %d wait", q.free, q.Waiting())
		}
	})
}

// Who gives up loses no turn for the others.
func TestQueueGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(2)
		for range 2 {
			if err := q.Wait(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		got := make(chan error, 3)
		for i := range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
			defer cancel()
			go func() { got <- q.Wait(ctx, float64(i)) }()
		}
		if err := <-got; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first that gives up got %v", err)
		}
		if err := <-got; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second that gives up got %v", err)
		}
		q.Done()
		if err := <-got; err != nil {
			t.Errorf("the third got %v", err)
		}
		q.Done()
		q.Done()
		if q.free != 2 || q.Waiting() != 0 {
			t.Errorf("%d free, %d wait", q.free, q.Waiting())
		}
	})
}

func TestQueueTogether(t *testing.T) {
	q := NewQueue(3)
	ended := make(chan struct{})
	for i := range 100 {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*100*time.Microsecond)
			defer cancel()
			if q.Wait(ctx, float64(i%5)) == nil {
				q.Done()
			}
			ended <- struct{}{}
		}()
	}
	for range 100 {
		<-ended
	}
	if q.free != 3 || q.Waiting() != 0 {
		t.Errorf("%d free, %d wait", q.free, q.Waiting())
	}
}
