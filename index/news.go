package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// newsPlaces are over how many groups the news are spread.
const newsPlaces = usagePlaces

func newsGroup(place uint32) string { return fmt.Sprintf(groupsNews+"%x}", place) }

// newsOf is where an object's are.
func newsOf(name ObjectName) (group, field string) {
	p := pair(name.Owner, name.CID)
	return newsGroup(usagePlace(p)), prefixChange + p
}

// finds says that the store finds marks among all that its groups have, and so needs
// no news.
func (x *Index) finds() bool {
	_, ok := x.kv.(sorted)
	return ok
}

// announce copies the mark of a change, nil for none, to where News looks. It comes
// after the commit of the change and before anybody is told of it: who has found it
// there and looks at the object sees the change or a later one.
func (x *Index) announce(ctx context.Context, name ObjectName, mark []byte) error {
	if mark == nil || x.finds() {
		return nil
	}
	group, field := newsOf(name)
	return x.kv.Commit(ctx, group, nil, []Entry{{field, mark}})
}

// News is Changes at a cost in proportion to them, whatever else there is, but for
// those of which nobody was told that they had come about: their writer was killed
// before it could announce them, or had an error, or was ChangeAll. One may come that
// was backed up already, which Known says.
func (x *Index) News(ctx context.Context) iter.Seq2[Change, error] {
	if x.finds() {
		return x.Changes(ctx)
	}
	return func(yield func(Change, error) bool) {
		for place := range uint32(newsPlaces) {
			for entry, err := range x.kv.Scan(ctx, newsGroup(place), prefixChange) {
				if err != nil {
					yield(Change{}, err)
					return
				}
				c, err := readNews(entry)
				if !yield(c, err) {
					return
				}
			}
		}
	}
}

func readNews(entry Entry) (Change, error) {
	owner, cid := unpair(entry.Field[len(prefixChange):])
	c := Change{ObjectName: ObjectName{owner, cid}, mark: entry.Value}
	r, err := decode[changeRecord](entry.Value)
	if err = firstError(err, checkAddress(owner), checkCID(cid)); err != nil {
		return c, fmt.Errorf("news %.200q: %w", entry.Field, err)
	}
	c.Since = r.Since
	return c, nil
}

// newsBy are those of changes, by group.
func newsBy(changes []Change) map[string][]Entry {
	by := map[string][]Entry{}
	for _, c := range changes {
		group, field := newsOf(c.ObjectName)
		by[group] = append(by[group], Entry{field, c.mark})
	}
	return by
}

// sweepNews takes away those of changes that are backed up, or have been swept.
func (x *Index) sweepNews(ctx context.Context) error {
	if x.finds() {
		return nil
	}
	for c, err := range x.News(ctx) {
		if err != nil {
			return err
		}
		if _, err = x.getOne(ctx, objectsGroup(c.Owner), changeField(c.CID)); errors.Is(err, ErrNotFound) {
			group, field := newsOf(c.ObjectName)
			err = x.kv.Commit(ctx, group, []Entry{{field, c.mark}}, []Entry{{Field: field}})
		}
		if err != nil && !errors.Is(err, ErrConflict) { // changed meanwhile
			return err
		}
	}
	return nil
}
