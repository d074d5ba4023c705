#include "hub/core.h"

#include <algorithm>

#include "base/cbor.h"
#include "hub/records.h"
#include "os/log.h"
#include "sensing/datastream.h"

namespace lander::hub {
namespace {

constexpr base::DurationUs kLongestToken = 30 * base::kDay;
constexpr base::DurationUs kCertificateLife = 365 * base::kDay;
constexpr std::size_t kMaxSites = 100'000;
constexpr std::size_t kMaxDesiredBytes = 768 << 10;  // with all else it must fit into a bundle

base::Bytes encode_site(const Site& site) {
  base::CborWriter out;
  out.array(5).text(site.key_id).bytes(site.signing.to_der()).bytes(site.sealing.to_der());
  out.integer(site.admitted).boolean(site.revoked);
  return out.take();
}

base::Bytes encode_token(const trust::TokenRecord& token) {
  base::CborWriter out;
  out.array(3).text(token.secret_sha256).integer(token.expires).integer(token.used);
  return out.take();
}

base::Bytes encode_trust(const crypto::PublicKey& root, base::ByteView document) {
  base::CborWriter out;
  out.array(2).bytes(root.to_der()).bytes(document);
  return out.take();
}

base::Error not_found(const std::string& site) {
  return base::Error(base::Code::kNotFound, "no site \"" + site.substr(0, 64) + "\"");
}

}  // namespace

Core::Core(Context context, Keys keys) : context_(std::move(context)), keys_(std::move(keys)) {}

base::Result<std::unique_ptr<Core>> Core::open(Context context, Keys keys) {
  std::unique_ptr<Core> core(new Core(std::move(context), std::move(keys)));
  LANDER_TRY(core->load());
  return core;
}

base::Status Core::load_site(const Record& record) {
  base::CborReader in(record.body);
  LANDER_TRY(in.array_of(5, "a site"));
  auto site = std::make_unique<Site>();
  site->key = {record.tenant, record.site};
  LANDER_ASSIGN(site->key_id, in.text());
  LANDER_ASSIGN(const auto signing, in.bytes());
  LANDER_ASSIGN(const auto sealing, in.bytes());
  LANDER_ASSIGN(site->admitted, in.integer());
  LANDER_ASSIGN(site->revoked, in.boolean());
  LANDER_ASSIGN(site->signing, crypto::PublicKey::from_der(signing));
  LANDER_ASSIGN(site->sealing, crypto::PublicKey::from_der(sealing));
  site->outbox = link::Outbox(context_.state.epoch());
  if (!site->revoked) by_key_[site->key_id] = site.get();
  tenants_[record.tenant].sites[record.site] = std::move(site);
  return {};
}

base::Status Core::load() {
  State& state = context_.state;
  LANDER_TRY(context_.files.make_folders(context_.folder + "/packages", 0700));
  LANDER_TRY(state.load(kTenantRecord, [&](const Record& r) -> base::Status {
    tenants_[r.tenant].name = r.tenant;
    return {};
  }));
  LANDER_TRY(state.load(kTrustRecord, [&](const Record& r) -> base::Status {
    base::CborReader in(r.body);
    LANDER_TRY(in.array_of(2, "a tenant's trust"));
    LANDER_ASSIGN(const auto root, in.bytes());
    LANDER_ASSIGN(const auto document, in.bytes());
    Tenant& tenant = tenants_[r.tenant];
    LANDER_ASSIGN(tenant.root, crypto::PublicKey::from_der(root));
    LANDER_ASSIGN(tenant.trust, trust::verify_document(document, *tenant.root, 0));
    tenant.trust_document.assign(document.begin(), document.end());
    return {};
  }));
  LANDER_TRY(state.load(kTokenRecord, [&](const Record& r) -> base::Status {
    base::CborReader in(r.body);
    LANDER_TRY(in.array_of(3, "a token"));
    trust::TokenRecord token{r.tenant, r.site, "", 0, 0};
    LANDER_ASSIGN(token.secret_sha256, in.text());
    LANDER_ASSIGN(token.expires, in.integer());
    LANDER_ASSIGN(token.used, in.integer());
    tenants_[r.tenant].tokens[r.site] = token;
    return {};
  }));
  LANDER_TRY(state.load(kSiteRecord, [&](const Record& r) { return load_site(r); }));
  auto for_sites = [&](std::string_view kind, auto use) {
    return state.load(kind, [&](const Record& r) -> base::Status {
      Tenant* tenant = find_tenant(r.tenant);
      const auto at = tenant ? tenant->sites.find(r.site)
                             : std::map<std::string, std::unique_ptr<Site>>::iterator{};
      if (!tenant || at == tenant->sites.end())
        return {};  // the site was removed, its records follow
      return use(*at->second, r);
    });
  };
  // What came from sites is left out when it is not understood: one of them must not keep the hub
  // from starting.
  auto from_sites = [&](std::string_view kind, auto use) {
    return for_sites(kind, [use](Site& s, const Record& r) -> base::Status {
      if (auto used = use(s, r); !used.ok()) {
        os::log_error("hub", "a record is left out",
                      {{"kind", r.kind},
                       {"tenant", r.tenant},
                       {"site", r.site},
                       {"error", used.error().message()}});
      }
      return {};
    });
  };
  LANDER_TRY(for_sites(kContactRecord, [](Site& s, const Record& r) -> base::Status {
    base::CborReader in(r.body);
    LANDER_ASSIGN(s.last_contact, in.integer());
    return {};
  }));
  LANDER_TRY(for_sites(kDesiredRecord, [](Site& s, const Record& r) -> base::Status {
    LANDER_ASSIGN(s.desired, twin::decode_desired(r.body));
    return {};
  }));
  LANDER_TRY(from_sites(kReportedRecord, [](Site& s, const Record& r) -> base::Status {
    LANDER_ASSIGN(s.reported, twin::decode_reported(r.body));
    return {};
  }));
  LANDER_TRY(for_sites(kReceiverRecord, [](Site& s, const Record& r) -> base::Status {
    LANDER_ASSIGN(s.receiver, link::Receiver::decode(r.body));
    return {};
  }));
  LANDER_TRY(from_sites(kAlertEventRecord, [this](Site& s, const Record& r) -> base::Status {
    LANDER_ASSIGN(const auto event, alert::decode_event(r.body));
    apply(s, event);
    return {};
  }));
  LANDER_TRY(from_sites(kInstancesRecord, [](Site& s, const Record& r) -> base::Status {
    LANDER_ASSIGN(s.instances, link::Instances::decode(r.body));
    return {};
  }));
  LANDER_TRY(from_sites(kDatastreamRecord, [](Site& s, const Record& r) -> base::Status {
    LANDER_ASSIGN(auto datastream, sensing::decode_datastream(r.body));
    s.datastreams[datastream.id][datastream.revision] = std::move(datastream);
    return {};
  }));
  LANDER_TRY(from_sites(kModelRecord, [](Site& s, const Record& r) -> base::Status {
    return read_models(s, r.body);
  }));
  LANDER_TRY(from_sites(kModelHistoryRecord, [](Site& s, const Record& r) -> base::Status {
    LANDER_ASSIGN(s.histories[r.key], model::decode_history(r.body));
    return {};
  }));
  LANDER_TRY(state.load(kPackageRecord, [&](const Record& r) -> base::Status {
    base::CborReader in(r.body);
    LANDER_ASSIGN(const base::TimeUs imported, in.integer());
    auto read = [&]() -> base::Status {
      LANDER_ASSIGN(const auto bytes, context_.files.read(context_.folder + "/packages/" + r.key,
                                                          package::kMaxPackageBytes));
      LANDER_ASSIGN(auto package, package::open_unverified(bytes));
      package.files.clear();
      tenants_[r.tenant].packages[r.key] = {std::move(package), bytes.size(), imported};
      return {};
    };
    if (auto done = read(); !done.ok()) {
      os::log_error("hub", "a package is missing: push it again",
                    {{"digest", r.key}, {"error", done.error().message()}});
    }
    return {};
  }));
  LANDER_TRY(state.load(kRolloutRecord, [&](const Record& r) -> base::Status {
    auto rollout = fleet::decode_rollout(r.body);
    if (!rollout.ok()) {  // it holds what sites said
      os::log_error("hub", "a rollout is left out",
                    {{"rollout", r.key}, {"error", rollout.error().message()}});
      return {};
    }
    tenants_[r.tenant].rollouts[r.key] = std::move(*rollout);
    return {};
  }));
  LANDER_TRY(load_shorts());
  LANDER_ASSIGN(const auto lanes, state.lanes());
  for (const auto& lane : lanes) {
    Tenant* tenant = find_tenant(lane.site.tenant);
    if (!tenant) continue;
    if (const auto at = tenant->sites.find(lane.site.site); at != tenant->sites.end()) {
      at->second->last_item[lane.lane] = lane.last;
    }
  }
  // A crash may have come between a report and what it means for a rollout, or between an event
  // and the lake.
  for (auto& [name, tenant] : tenants_) {
    for (auto& [site_name, site] : tenant.sites) {
      if (site->revoked) LANDER_TRY(leave_rollouts(tenant, site_name));
      site->rollouts_due = true;
      site->lake_due = site->last_item.contains(link::kLaneAlert);
      catch_up(*site);
    }
  }
  return {};
}

Tenant* Core::find_tenant(const std::string& tenant) {
  const auto at = tenants_.find(tenant);
  return at == tenants_.end() ? nullptr : &at->second;
}

base::Status Core::commit(const Batch& batch) {
  LANDER_TRY(context_.state.commit(batch, now()));
  for (const auto& item : batch.items) {
    if (Tenant* tenant = find_tenant(item.to.tenant)) {
      if (const auto at = tenant->sites.find(item.to.site); at != tenant->sites.end())
        ++at->second->last_item[item.lane];
    }
  }
  return {};
}

base::Status Core::add_tenant(const std::string& tenant) {
  LANDER_TRY(sensing::valid_id(tenant));
  if (tenants_.contains(tenant)) return {};
  base::CborWriter name;
  name.text(tenant);
  Batch batch;
  batch.records.push_back({tenant, std::string(kTenantRecord), "", "", name.take()});
  LANDER_TRY(commit(batch));
  tenants_[tenant].name = tenant;
  return {};
}

base::Result<const Tenant*> Core::tenant(const access::Scope& scope) const {
  const auto at = tenants_.find(scope.tenant);
  if (at == tenants_.end())
    return base::Error(base::Code::kNotFound, "no tenant \"" + scope.tenant + "\"");
  return &at->second;
}

base::Result<Site*> Core::mutable_site(const access::Scope& scope, const std::string& site) {
  Tenant* tenant = find_tenant(scope.tenant);
  if (!tenant) return not_found(site);
  const auto at = tenant->sites.find(site);
  if (at == tenant->sites.end()) return not_found(site);
  return at->second.get();
}

base::Result<const Site*> Core::site(const access::Scope& scope, const std::string& site) const {
  LANDER_ASSIGN(const Tenant* tenant, this->tenant(scope));
  const auto at = tenant->sites.find(site);
  if (at == tenant->sites.end()) return not_found(site);
  return at->second.get();
}

std::vector<const Site*> Core::sites(const access::Scope& scope) const {
  std::vector<const Site*> out;
  if (const auto tenant = this->tenant(scope); tenant.ok()) {
    for (const auto& [name, site] : (*tenant)->sites) out.push_back(site.get());
  }
  return out;
}

fleet::Presence Core::presence(const Site& site) const {
  return fleet::presence(context_.plan, site.last_contact, now());
}

base::Result<std::string> Core::admit(const access::Scope& scope, const std::string& site,
                                      base::DurationUs valid_for) {
  LANDER_TRY(scope.allows(access::Right::kAdmit));
  LANDER_TRY(sensing::valid_id(site));
  Tenant* tenant = find_tenant(scope.tenant);
  if (!tenant) return base::Error(base::Code::kNotFound, "no tenant \"" + scope.tenant + "\"");
  if (!tenant->root) {
    return base::Error(base::Code::kConflict,
                       "this tenant has no root of trust yet: `lander trust init` makes one (a "
                       "site pins it when it enrols)");
  }
  if (tenant->sites.size() >= kMaxSites)
    return base::Error(base::Code::kExhausted, "too many sites");
  if (valid_for <= 0 || valid_for > kLongestToken) {
    return base::Error(base::Code::kInvalid, "a token is valid for at most 30 days");
  }
  trust::Token token{context_.random.bytes(32), keys_.tls.public_key().id(), tenant->root->id(),
                     scope.tenant, site};
  const trust::TokenRecord record{scope.tenant, site, crypto::sha256_hex(token.secret),
                                  now() + valid_for, 0};
  Batch batch;
  batch.records.push_back(
      {scope.tenant, std::string(kTokenRecord), site, "", encode_token(record)});
  LANDER_TRY(commit(batch));
  tenant->tokens[site] = record;
  return trust::encode(token);
}

base::Result<trust::EnrolReply> Core::enrol(const trust::EnrolRequest& request) {
  Tenant* tenant = find_tenant(request.tenant);
  const auto token = tenant ? tenant->tokens.find(request.site)
                            : std::map<std::string, trust::TokenRecord>::iterator{};
  if (!tenant || token == tenant->tokens.end() || !tenant->root) {
    return base::Error(base::Code::kUnauthenticated,
                       "the token is not one of this hub: ask for a new one (`lander site add`)");
  }
  LANDER_TRY(trust::redeem(token->second, request.secret, now()));
  LANDER_ASSIGN(const crypto::Csr csr, crypto::verify_csr(request.csr_pem));
  if (csr.common_name != request.tenant + "/" + request.site) {
    return base::Error(base::Code::kInvalid,
                       "the CSR names \"" + csr.common_name + "\", not the token's site");
  }
  if (csr.key.type() != crypto::KeyType::kP256)
    return base::Error(base::Code::kInvalid, "a device's key is P-256");
  auto site = std::make_unique<Site>();
  site->key = {request.tenant, request.site};
  site->key_id = csr.key.id();
  if (const auto other = by_key_.find(site->key_id);
      other != by_key_.end() && other->second->key != site->key) {
    return base::Error(base::Code::kConflict,
                       "this key belongs to another site: a cloned image needs keys of its own");
  }
  site->signing = csr.key;
  LANDER_ASSIGN(site->sealing, crypto::PublicKey::from_der(request.sealing_key_der));
  if (site->sealing.type() != crypto::KeyType::kX25519)
    return base::Error(base::Code::kInvalid, "a sealing key is X25519");
  site->admitted = now();
  site->outbox = link::Outbox(context_.state.epoch());

  trust::EnrolReply reply;
  LANDER_ASSIGN(
      reply.certificate_pem,
      crypto::issue(keys_.authority, keys_.authority_pem, csr.key,
                    crypto::Subject{csr.common_name, {}, {}, false, false}, now() - base::kDay,
                    now() + kCertificateLife, context_.random.bytes(16)));
  reply.authority_pem = keys_.authority_pem;
  reply.hub_signing_key_der = keys_.signing.public_key().to_der();
  reply.hub_sealing_key_der = keys_.sealing.public_key().to_der();
  reply.trust_document = tenant->trust_document;
  reply.root_key_der = tenant->root->to_der();

  trust::TokenRecord used = token->second;
  used.used = now();
  Batch batch;
  batch.records.push_back(
      {request.tenant, std::string(kTokenRecord), request.site, "", encode_token(used)});
  batch.records.push_back(
      {request.tenant, std::string(kSiteRecord), request.site, "", encode_site(*site)});
  // A box in place of another has receipted nothing: it is told anew.
  if (const auto known = tenant->sites.find(request.site);
      known != tenant->sites.end() && known->second->desired.revision > 0) {
    batch.items.push_back(
        {site->key, link::kLaneState, "desired", twin::encode(known->second->desired)});
  }
  LANDER_TRY(commit(batch));
  token->second = used;
  std::unique_ptr<Site>& slot = tenant->sites[request.site];
  if (slot) {  // enrolled anew: the same site with a new key keeps its history
    by_key_.erase(slot->key_id);
    slot->key_id = site->key_id;
    slot->signing = site->signing;
    slot->sealing = site->sealing;
    slot->revoked = false;
  } else {
    slot = std::move(site);
  }
  by_key_[slot->key_id] = slot.get();
  os::log_info(
      "hub", "site enrolled",
      {{"tenant", request.tenant}, {"site", request.site}, {"key", slot->key_id.substr(0, 16)}});
  context_.changed(request.tenant, "site", request.site);
  return reply;
}

base::Status Core::revoke(const access::Scope& scope, const std::string& name) {
  LANDER_TRY(scope.allows(access::Right::kAdmit));
  Tenant* tenant = find_tenant(scope.tenant);
  const auto found = mutable_site(scope, name);
  // Also one that was only admitted: its token may have fallen into wrong hands.
  if (!tenant || (!found.ok() && !tenant->tokens.contains(name))) return not_found(name);
  Batch batch;
  batch.records.push_back({scope.tenant, std::string(kTokenRecord), name, "", {}});
  if (found.ok()) {
    (*found)->revoked = true;
    batch.records.push_back(
        {scope.tenant, std::string(kSiteRecord), name, "", encode_site(**found)});
  }
  if (auto done = commit(batch); !done.ok()) {
    if (found.ok()) (*found)->revoked = !by_key_.contains((*found)->key_id);
    return done.error();
  }
  tenant->tokens.erase(name);
  if (found.ok()) {
    by_key_.erase((*found)->key_id);
    LANDER_TRY(leave_rollouts(*tenant, name));
  }
  context_.changed(scope.tenant, "site", name);
  return {};
}

base::Status Core::set_trust(const access::Scope& scope, base::ByteView root_key_der,
                             base::ByteView signed_document) {
  LANDER_TRY(scope.allows(access::Right::kManagePackages));
  Tenant* tenant = find_tenant(scope.tenant);
  if (!tenant) return base::Error(base::Code::kNotFound, "no tenant \"" + scope.tenant + "\"");
  LANDER_ASSIGN(const auto root, crypto::PublicKey::from_der(root_key_der));
  if (!tenant->root) {
    LANDER_TRY(
        scope.allows(access::Right::kAdmit));  // pinning the root is for ever: an admin's act
  } else if (root.id() != tenant->root->id()) {
    return base::Error(base::Code::kDenied,
                       "this is not the root key that the tenant's sites pinned");
  }
  LANDER_ASSIGN(auto document,
                trust::verify_document(signed_document, root, tenant->trust.version + 1));
  Batch batch;
  batch.records.push_back(
      {scope.tenant, std::string(kTrustRecord), "", "", encode_trust(root, signed_document)});
  for (const auto& [name, site] : tenant->sites) {
    batch.items.push_back({site->key, link::kLaneState, "trust",
                           base::Bytes(signed_document.begin(), signed_document.end())});
  }
  LANDER_TRY(commit(batch));
  tenant->root = root;
  tenant->trust = std::move(document);
  tenant->trust_document.assign(signed_document.begin(), signed_document.end());
  return {};
}

void Core::stage(const Site& site, twin::Desired& desired, Batch& batch) const {
  desired.revision = std::max(site.desired.revision, site.reported.desired_revision) + 1;
  desired.origin = twin::Origin::kHub;
  desired.created = now();
  const base::Bytes encoded = twin::encode(desired);
  batch.records.push_back(
      {site.key.tenant, std::string(kDesiredRecord), site.key.site, "", encoded});
  batch.items.push_back({site.key, link::kLaneState, "desired", encoded});
}

base::Result<Core::Applied> Core::apply_yaml(const access::Scope& scope, const std::string& name,
                                             std::string_view yaml, const std::string& file,
                                             bool dry_run) {
  LANDER_TRY(scope.allows(access::Right::kOperate));
  LANDER_ASSIGN(Site * site, mutable_site(scope, name));
  LANDER_ASSIGN(const std::string meant, twin::site_of_yaml(yaml, file));
  if (!meant.empty() && meant != name) {
    return base::Error(base::Code::kConflict,
                       file + " is for site \"" + meant + "\", this is \"" + name + "\"");
  }
  LANDER_ASSIGN(twin::Desired wanted, twin::parse_yaml(yaml, file, site->desired));
  Applied out;
  for (const auto& action : twin::plan(site->desired, wanted))
    out.changes.push_back(twin::to_text(action));
  out.revision = site->desired.revision;
  if (out.changes.empty() && out.revision > 0) return out;
  out.revision = std::max(site->desired.revision, site->reported.desired_revision) + 1;
  if (dry_run) return out;
  wanted.author = "user:" + scope.user + "@hub";
  Batch batch;
  stage(*site, wanted, batch);
  if (batch.items.back().body.size() > kMaxDesiredBytes) {
    return base::Error(base::Code::kExhausted,
                       file + " describes more than fits into one message to a site (768 KiB)");
  }
  LANDER_TRY(commit(batch));
  site->desired = std::move(wanted);
  context_.changed(scope.tenant, "twin", name);
  return out;
}

}  // namespace lander::hub
