#include "sim/hub_node.h"

#include "sim/keys.h"

namespace lander::sim {
namespace {

constexpr const char* kFolder = "/hub";

}  // namespace

HubNode::HubNode(const base::TimeUs& truth, Chronicle& chronicle, SimRandom random,
                 const Fixtures& fixtures, SimLake::Faults faults)
    : truth_(truth),
      chronicle_(chronicle),
      random_(random),
      fixtures_(fixtures),
      faults_(faults),
      disk_(random_.next()),
      vfs_(disk_),
      files_(disk_),
      clock_(truth, "hub", 0) {
  clock_.reboot(truth_);
  keys_.tls = make_key(crypto::KeyType::kP256, random_);
  keys_.signing = make_key(crypto::KeyType::kP256, random_);
  keys_.sealing = make_key(crypto::KeyType::kX25519, random_);
  keys_.authority = make_key(crypto::KeyType::kP256, random_);
  const crypto::Subject authority{"sim", {}, {}, false, true};
  auto pem = crypto::self_signed(keys_.authority, authority, truth_ - base::kDay,
                                 truth_ + 3650 * base::kDay);
  LANDER_CHECK(pem.ok());
  keys_.authority_pem = *pem;
}

bool HubNode::boot(std::optional<std::uint64_t> dies_within) {
  LANDER_CHECK(!up());
  if (died_ == Cut::kPower) clock_.reboot(truth_);
  chronicle_.note("hub", "boots");
  disk_.revive();
  died_.reset();
  if (dies_within) {
    died_ = Cut::kPower;
    disk_.cut_after(*dies_within, Cut::kPower);
  }
  if (open()) return true;
  if (!disk_.dead()) chronicle_.violation("hub", "does not start");
  died_ = died_.value_or(Cut::kPower);
  drop();
  return false;
}

bool HubNode::open() {
  auto state = hub::State::open(std::string(kFolder) + "/hub.db", vfs_.name(), random_.next());
  if (!state.ok()) {
    must(state.error(), "opening the state");
    return false;
  }
  state_ = std::move(*state);
  auto lake = SimLake::open(std::string(kFolder) + "/lake.db", vfs_.name(), faults_);
  if (!lake.ok()) {
    must(lake.error(), "opening the lake");
    return false;
  }
  lake_ = std::move(*lake);
  hub::Core::Context context{*state_,
                             *lake_,
                             files_,
                             clock_,
                             random_,
                             kFolder,
                             [](const std::string&, std::string_view, const std::string&) {},
                             [](const hub::SiteKey&, const alert::Event&, const alert::Alert&) {},
                             {10 * base::kMinute, 10 * base::kMinute, base::kDay}};
  auto core = hub::Core::open(std::move(context), keys_);
  if (!core.ok()) {
    must(core.error(), "opening the core");
    return false;
  }
  core_ = std::move(*core);
  return !disk_.dead();
}

void HubNode::must(const base::Status& status, const std::string& what) {
  if (status.ok() || disk_.dead() || disk_full_) return;
  chronicle_.violation("hub", what + " fails on a good disk: " + status.error().message());
}

void HubNode::drop() {
  core_.reset();
  lake_.reset();
  state_.reset();
}

void HubNode::after_call() {
  if (!up() || !disk_.dead()) return;
  chronicle_.note("hub", "dies");
  drop();
}

void HubNode::stop() {
  disk_.disarm();
  died_.reset();
  drop();
}

void HubNode::cut(Cut cut) {
  if (!up()) return;
  died_ = cut;
  disk_.cut_now(cut);
  after_call();
}

void HubNode::cut_within(std::uint64_t operations, Cut cut) {
  if (!up()) return;
  died_ = cut;
  disk_.cut_after(operations, cut);
}

void HubNode::set_disk_full(bool full) {
  disk_full_ = full;
  disk_.limit(full ? disk_.used() + random_.below(256 << 10) : std::uint64_t{8} << 30);
  chronicle_.note("hub", full ? "disk full" : "disk has room");
}

void HubNode::tick() {
  if (!up()) return;
  core_->tick();
  after_call();
}

void HubNode::prepare() {
  must(core_->add_tenant(kTenant), "adding a tenant");
  must(core_->set_trust(scope_, fixtures_.root.public_key().to_der(), fixtures_.trust_document),
       "setting trust");
  for (const auto& [version, bytes] : fixtures_.packages) {
    const auto imported = core_->import_package(scope_, bytes);
    if (!imported.ok()) must(imported.error(), "importing " + version);
  }
  if (core_->import_package(scope_, fixtures_.untrusted_package).ok()) {
    chronicle_.violation("hub", "takes a package of a signer that is not trusted");
  }
}

site::Identity HubNode::admit(const std::string& site) {
  auto token_text = core_->admit(scope_, site, base::kDay);
  LANDER_CHECK(token_text.ok());
  const auto token = trust::parse_token(*token_text);
  LANDER_CHECK(token.ok());
  site::Identity out;
  out.tenant = kTenant;
  out.site = site;
  out.keys.signing = make_key(crypto::KeyType::kP256, random_);
  out.keys.sealing = make_key(crypto::KeyType::kX25519, random_);
  trust::EnrolRequest request{kTenant, site, token->secret, "",
                              out.keys.sealing.public_key().to_der()};
  auto csr = crypto::make_csr(out.keys.signing, {.common_name = std::string(kTenant) + "/" + site});
  LANDER_CHECK(csr.ok());
  request.csr_pem = *csr;
  const auto reply = core_->enrol(request);
  LANDER_CHECK(reply.ok());
  if (core_->enrol(request).ok()) chronicle_.violation("hub", "a token works twice");
  out.certificate_pem = reply->certificate_pem;
  out.keys.peer_signing = *crypto::PublicKey::from_der(reply->hub_signing_key_der);
  out.keys.peer_sealing = *crypto::PublicKey::from_der(reply->hub_sealing_key_der);
  out.root = *crypto::PublicKey::from_der(reply->root_key_der);
  out.trust_document = reply->trust_document;
  return out;
}

std::optional<base::Bytes> HubNode::exchange(const std::string& key_id, base::ByteView sealed,
                                             bool damaged) {
  if (!up()) return std::nullopt;
  const auto before = core_->stats().items;
  return took(core_->exchange(key_id, sealed), before, damaged);
}

std::optional<base::Bytes> HubNode::arrived(const std::string& site, base::ByteView sealed) {
  if (!up()) return std::nullopt;
  const auto before = core_->stats().items;
  auto reply = core_->arrived({kTenant, site}, sealed);
  // A short message of an epoch of which no bundle came yet is parked.
  if (!reply.ok() && reply.error().code() == base::Code::kUnauthenticated &&
      link::is_short(sealed)) {
    after_call();
    return std::nullopt;
  }
  if (reply.ok() && reply->empty()) {  // it came again
    after_call();
    return std::nullopt;
  }
  return took(std::move(reply), before, false);
}

std::optional<base::Bytes> HubNode::took(base::Result<base::Bytes> reply, std::uint64_t before,
                                         bool damaged) {
  const bool ok = reply.ok() && !disk_.dead();
  if (ok && core_->stats().items != before) {
    chronicle_.note("hub", "takes items " + std::to_string(core_->stats().items - before));
  }
  if (damaged) {
    if (reply.ok()) chronicle_.violation("hub", "a damaged bundle was taken");
  } else if (!reply.ok()) {
    must(reply.error(), "an exchange");
  }
  after_call();
  if (!ok) return std::nullopt;
  return std::move(*reply);
}

void HubNode::apply(const std::string& site, const std::string& yaml) {
  if (!up()) return;
  const auto applied = core_->apply_yaml(scope_, site, yaml, "sim.yaml", false);
  if (applied.ok()) {
    chronicle_.note("hub",
                    "applies revision " + std::to_string(applied->revision) + " for " + site);
  } else {
    must(applied.error(), "applying");
  }
  after_call();
}

void HubNode::handle_alert(const std::string& site, alert::EventKind kind) {
  if (!up()) return;
  const auto found = core_->site(scope_, site);
  LANDER_CHECK(found.ok());
  const auto open = (*found)->alerts.alerts(true, truth_, 20);
  if (open.empty()) return;
  alert::Event event;
  event.id = random_.uuid7(truth_);
  event.alert = open[random_.below(open.size())].id;
  event.kind = kind;
  event.time = truth_;
  event.actor = "user:bo@hub";
  if (kind == alert::EventKind::kShelve) event.until = truth_ + base::kHour;
  const auto handled = core_->alert_event(scope_, site, event);
  if (handled.ok() && !disk_.dead()) {
    events_.emplace(site, event.id);
    chronicle_.note("hub", "handles " + event.id);
  } else if (!handled.ok()) {
    must(handled.error(), "handling an alert");
  }
  after_call();
}

void HubNode::roll_out(const std::string& version, const std::vector<std::string>& sites) {
  if (!up()) return;
  std::vector<std::vector<std::string>> phases{{sites.front()}};
  if (sites.size() > 1) phases.emplace_back(sites.begin() + 1, sites.end());
  const auto started = core_->start_rollout(scope_, kApp, version, phases,
                                            static_cast<std::uint32_t>(random_.below(3)));
  if (started.ok()) {
    chronicle_.note("hub", "rolls out " + version);
  } else {
    must(started.error(), "a rollout");
  }
  after_call();
}

}  // namespace lander::sim
