// What the operators of a simulated fleet have at hand: desired states, app packages, a trained
// model, keys and a trust document.
#pragma once

#include <map>
#include <string>

#include "crypto/crypto.h"
#include "model/model.h"
#include "sim/random.h"

namespace lander::sim {

inline constexpr const char* kTenant = "acme";
inline constexpr const char* kApp = "bearing-watch";
inline constexpr const char* kAsset = "acme/plant/pump-1";
// Of this datastream every observation goes to the lake, always; of kSecret nothing ever leaves.
inline constexpr const char* kCounter = "counter";
inline constexpr const char* kSecret = "secret";
// Carriers beside HTTPS.
inline constexpr const char* kBroker = "broker";
inline constexpr const char* kSatellite = "satellite";

// The whole of sources and datastreams, varied as operators do: sensors replaced, policies changed,
// a datastream more or less.
std::string desired_yaml(SimRandom& random);
// One small section.
std::string small_yaml(SimRandom& random);

struct Fixtures {
  explicit Fixtures(SimRandom& random);
  crypto::PrivateKey root, vendor, stranger;
  base::Bytes trust_document;
  // 1.0.0 and 1.1.0 work, 2.0.0 fails its gate, 3.0.0 wants a port that no site has.
  std::map<std::string, base::Bytes> packages;
  base::Bytes untrusted_package;
  model::Model model;  // for kAsset
};

}  // namespace lander::sim
