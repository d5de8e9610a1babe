package chain

// EpochOf is the number of the epoch a block belongs to:
// (block+netuid+1) div (tempo+1). Weights become incentive in an epoch's last
// block, before its transactions. Runtimes from about spec 424 on begin an epoch
// where the last one happened to end: there this is an estimate.
func EpochOf(block uint64, net NetUID, tempo uint16) uint64 {
	return (block + uint64(net) + 1) / (uint64(tempo) + 1)
}

// FirstBlockOf is the first block of an epoch; 0 for one that began before the
// chain.
func FirstBlockOf(epoch uint64, net NetUID, tempo uint16) uint64 {
	begin, before := epoch*(uint64(tempo)+1), uint64(net)+1
	return max(begin, before) - before
}

// RevealWindow are the first and the last block that can reveal what was
// committed in a block: those of the epoch RevealPeriod later. A transaction is
// in a later block than the newest, so it is sent from block first-1 on.
func RevealWindow(committed uint64, net NetUID, h Hyperparameters) (first, last uint64) {
	epoch := EpochOf(committed, net, h.Tempo) + h.RevealPeriod
	return FirstBlockOf(epoch, net, h.Tempo), FirstBlockOf(epoch+1, net, h.Tempo) - 1
}
