// Keys out of the seed, so that ids and digests are the same in every run. Never for anything real.
#pragma once

#include "crypto/crypto.h"
#include "sim/random.h"

namespace lander::sim {

crypto::PrivateKey make_key(crypto::KeyType type, SimRandom& random);

}  // namespace lander::sim
