package repair

import "time"

// Config are the engine's settings. Zero fields take the defaults.
type Config struct {
	// Bandwidth is how many bytes a second are moved for repair on average, those
	// fetched and those stored together. Each of the things worked on at a time
	// may be begun on credit.
	Bandwidth int64
	// Parallel is how many segments and chunks are worked on at a time, and
	// JobTimeout how long one may take.
	Parallel   int
	JobTimeout time.Duration
	// A miner that has not answered a ping for DownAfter is down, and so is one
	// that has failed its last Strikes audits, whatever they were about.
	DownAfter time.Duration
	Strikes   int
	// GoneAfter is how long a hotkey may have no UID until what it held is
	// forgotten. A validator forgets it sooner, when it sees the UID change hands.
	GoneAfter time.Duration
	// LookPeriod is how often the miners' health is looked at, PingPeriod how
	// often they are pinged for that, DamagePeriod how often they are asked what
	// they have lost.
	LookPeriod, PingPeriod, DamagePeriod time.Duration
	// ScanPeriod is how long a scan of everything takes at least, and ScanRate how
	// many segments and chunks are looked at in a second at most.
	ScanPeriod time.Duration
	ScanRate   int64
	// DistributePeriod is how often one random shard moves to a miner that holds
	// none of its segment, as long as repair is not behind.
	DistributePeriod time.Duration
	// Redundancy is how many miners are to hold each chunk of the reference's way.
	Redundancy int
	// Spare is how many healthy shards more than its scheme has a segment keeps,
	// and SurplusAfter how old those beyond them have to be to end.
	Spare        int
	SurplusAfter time.Duration
	// RenewAhead is how long before their end the shards of a segment that is
	// needed for longer are renewed.
	RenewAhead time.Duration
	// UpkeepPeriod is how often what has expired is ended. An upload that was not
	// touched for IdleUpload is. A miner that leaves and has nothing left is not
	// signed off before Settle.
	UpkeepPeriod, IdleUpload, Settle time.Duration
	// SweepPeriod is how often the index is swept of what is older than SweepAge,
	// longer than what others write to it may take: what is newer is not ended.
	SweepPeriod, SweepAge time.Duration
	// DropPeriod is how often miners are told what to delete, DropsPerPass of it
	// at most: a miner's door lets one caller ask only so often.
	DropPeriod   time.Duration
	DropsPerPass int
	// Retry is after what time something that failed is tried again. It doubles up
	// to MaxRetry.
	Retry, MaxRetry time.Duration
}

// DefaultConfig is the network's.
func DefaultConfig() Config {
	return Config{
		Bandwidth: 32 << 20, Parallel: 4, JobTimeout: 30 * time.Minute,
		DownAfter: time.Hour, Strikes: 3, GoneAfter: 10 * time.Minute,
		LookPeriod: 12 * time.Second, PingPeriod: time.Minute, DamagePeriod: time.Hour,
		ScanPeriod: time.Hour, ScanRate: 500,
		DistributePeriod: 10 * time.Minute,
		Redundancy:       3, Spare: 2, SurplusAfter: 6 * time.Hour, RenewAhead: 3 * 24 * time.Hour,
		UpkeepPeriod: 10 * time.Minute, IdleUpload: 24 * time.Hour, Settle: time.Minute,
		SweepPeriod: 6 * time.Hour, SweepAge: time.Hour,
		// A fifth of wire.DefaultRequestsPerWindow in the time of a window.
		DropPeriod: 5 * time.Minute, DropsPerPass: 10,
		Retry: time.Minute, MaxRetry: time.Hour,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	for _, v := range []struct{ of, to *time.Duration }{
		{&c.JobTimeout, &d.JobTimeout}, {&c.DownAfter, &d.DownAfter}, {&c.GoneAfter, &d.GoneAfter}, {&c.LookPeriod, &d.LookPeriod},
		{&c.PingPeriod, &d.PingPeriod}, {&c.DamagePeriod, &d.DamagePeriod}, {&c.ScanPeriod, &d.ScanPeriod}, {&c.DistributePeriod, &d.DistributePeriod},
		{&c.SurplusAfter, &d.SurplusAfter}, {&c.RenewAhead, &d.RenewAhead}, {&c.UpkeepPeriod, &d.UpkeepPeriod},
		{&c.IdleUpload, &d.IdleUpload}, {&c.Settle, &d.Settle}, {&c.SweepPeriod, &d.SweepPeriod}, {&c.SweepAge, &d.SweepAge},
		{&c.DropPeriod, &d.DropPeriod}, {&c.Retry, &d.Retry}, {&c.MaxRetry, &d.MaxRetry},
	} {
		setDefault(v.of, *v.to)
	}
	setDefault(&c.Bandwidth, d.Bandwidth)
	setDefault(&c.ScanRate, d.ScanRate)
	setDefault(&c.Parallel, d.Parallel)
	setDefault(&c.Strikes, d.Strikes)
	setDefault(&c.Redundancy, d.Redundancy)
	setDefault(&c.Spare, d.Spare)
	setDefault(&c.DropsPerPass, d.DropsPerPass)
	return c
}

func setDefault[T int | int64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}
