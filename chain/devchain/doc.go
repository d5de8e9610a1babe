// Package devchain is a subtensor small enough to run inside a test: one subnet
// with registration, stake, permits, axons, weights and epochs. It is for
// development networks. It has no consensus among nodes, no fees and no
// protection against its operator; it is not a client of the real chain.
//
// Enter at Open for a chain in this process (Run makes blocks by the clock, Step
// one at a time), NewServer to serve it to others, Dial to use a served one.
// Devchain and Remote both implement chain.Chain.
//
// # Determinism and disk
//
// A block's hash covers its parent, its number and the calls in it, and the
// genesis hash covers seed, rules and first balances; so the same configuration
// and the same calls in the same blocks give the same hashes. Times and
// signatures are not covered. Inside a block, transactions are ordered by signer
// and nonce, whatever the order of their arrival. Each block is one flushed
// write to one file: a transaction that was acknowledged survives a crash. At a
// start the blocks since the last snapshot are executed again and must give
// their hashes. journal.go describes the file.
//
// # Transactions
//
// A transaction is signed over the genesis hash and its account's nonce, and
// belongs to one chain and one place in its account's order. It is refused
// without a trace, its nonce unused, unless every check succeeds. There are two
// kinds of account: a coldkey has money (Register, AddStake, Transfer), a hotkey
// needs none (ServeAxon, SetWeights, CommitWeights, RevealWeights).
//
// # What is simpler than subtensor
//
//   - One subnet, rules fixed at genesis. The price of a registration is
//     constant; there is no limit of registrations per block.
//   - The neuron to replace is the one past its immunity with the lowest
//     emission in the last epoch, the oldest registration first. If all are
//     immune a registration fails; subtensor then takes the lowest of all.
//   - Stake is one sum per hotkey, whoever added it, and cannot be withdrawn. It
//     stays with the hotkey when its slot is lost.
//   - All of 127.0.0.0/8 can be served, so that a network fits one machine;
//     subtensor refuses 127.0.0.1.
//   - Permits are given anew in every block, not at the epoch: to the
//     MaxValidators highest stakes of at least MinStake.
//   - Commit-reveal is that by hash. Timelocked weights (CommitRevealVersion 3
//     and more) can only be switched on to be refused.
//
// # The epoch
//
// It runs at the start of a block where (block+netuid+1) mod (tempo+1) is tempo,
// before the block's transactions. Voters are active neurons with a permit;
// S(i) is voter i's share of their stake, W(i,j) its weight on j as a share of
// its row, without its weight on itself. Then
//
//	consensus C(j)     largest w that voters with kappa of the stake give j at least
//	clipped   V(i,j)   min(W(i,j), C(j))
//	rank      R(j)     Σi S(i)·V(i,j)
//	trust     T(j)     R(j) / Σi S(i)·W(i,j)
//	incentive I(j)     R(j) / ΣR
//	validator trust    Σj V(i,j)
//	dividends D(i)     S(i)·Σj V(i,j), normalised
//
// The emission of the blocks since the last epoch is halved: one half is paid by
// incentive, to the coldkeys' balances, the other by dividends, to the
// validators' stakes. What rounding or a lack of ranks leaves over is not made.
//
// Of Yuma consensus this keeps the stake-weighted median and clipping. It leaves
// out the moving average of bonds: D is what Yuma's dividends are when bonds
// follow the weights at once. It leaves out the owner's cut, delegates' takes,
// the fallback to stake when nobody has a rank, liquid alpha and everything of
// dynamic TAO. Subtensor pays incentive as stake; here it is spendable, since
// otherwise every miner would end with a validator's stake. Numbers are integers
// at a scale of 2^31 where subtensor has 32 fraction bits, and round down.
//
// # JSON-RPC
//
// JSON-RPC 2.0 by HTTP POST (application/json) or as WebSocket text messages on
// the same address; parameters by position; no batches. Blocks are objects
// {number, hash, parentHash, time}; amounts are integers of rao; addresses are
// SS58.
//
//	chain_getHeader []                    newest block
//	chain_getBlockHash [number]           its hash; of 0 the genesis hash
//	filetao_block [number]                block
//	filetao_metagraph [netuid]            chain.Metagraph
//	filetao_hyperparameters [netuid]      chain.Hyperparameters
//	filetao_registrations [netuid, block] list of chain.Registration
//	filetao_weights [netuid]              lists of chain.Weight by UID
//	filetao_events [block]                list of chain.Event
//	filetao_balance [coldkey]             rao
//	system_accountNextIndex [account]     nonce of the account's next transaction
//	filetao_submitAndWait ["0x…"]         true, once the transaction is in a block
//	chain_subscribeNewHeads []            subscription id; then notifications
//	                                      chain_newHead {subscription, result: block}
//	chain_unsubscribeNewHeads [id]        whether there was one (WebSocket only)
//
// What the chain refuses has code 1010 and a number as data, by which Remote
// finds the error of package chain; custom lists them. A subscription delivers
// every block, ascending. A client that takes no message for the server's
// WriteTimeout loses its connection; it subscribes again and asks for the blocks
// it missed.
package devchain
