// trust init, add, revoke, show: the tenant's trust document, signed by its offline root.
#include "trust/trust.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/cbor.h"
#include "cli/command.h"
#include "cli/keys.h"
#include "cli/match.h"
#include "cli/recipient.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

struct Change {
  std::string key, vendor, signer, packages = "*", package, recipient;
};

base::Result<base::Bytes> from_base64(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return base::from_base64url(text);
}

base::Result<Json> put(Session& session, const trust::Document& document,
                       const crypto::PrivateKey& root) {
  LANDER_ASSIGN(const auto message, trust::sign(document, root));
  base::CborWriter body;
  body.array(2).bytes(root.public_key().to_der()).bytes(message);
  return session.send("PUT", "/api/v1/trust", body.out(), "application/cbor");
}

// The document in force, verified with the root's key: what is signed next is built on nothing
// else.
base::Result<trust::Document> current(Session& session, const crypto::PrivateKey& root) {
  LANDER_ASSIGN(const Json answer, session.get("/api/v1/trust"));
  const std::string pinned = text_of(answer, "root_key_id");
  if (pinned.empty())
    return Error(Code::kNotFound,
                 "this tenant has no root of trust yet: `lander trust init --key FILE` makes it");
  if (pinned != root.public_key().id())
    return Error(Code::kDenied, "the key is " + root.public_key().id().substr(0, 16) +
                                    ", and the tenant's root is " + pinned.substr(0, 16));
  LANDER_ASSIGN(const auto signed_document, from_base64(text_of(answer, "document")));
  auto document = trust::verify_document(signed_document, root.public_key(), 0);
  if (!document.ok()) return document.error().context("the hub's trust document");
  return document;
}

void say_trust(Session& session, const Json& answer) {
  const std::string root = text_of(answer, "root_key_id");
  Facts facts;
  facts.add("root", root.empty() ? "none: `lander trust init --key FILE` makes it" : root);
  facts.add("version", std::to_string(integer_of(answer, "version")));
  session.say(facts);
  Table table({"VENDOR", "SIGNER", "MAY SIGN"});
  for (const auto& signer : member(answer, "signers")) {
    std::vector<std::string> packages;
    for (const auto& name : member(signer, "packages"))
      packages.push_back(value_text(name) == "*" ? "any app" : value_text(name));
    table.add({text_of(signer, "vendor"), text_of(signer, "key_id").substr(0, 16),
               joined(packages, ", ")});
  }
  Table recipients({"RECIPIENT", "SIGNING KEY"});
  for (const auto& recipient : member(answer, "recipients")) {
    const std::string id = text_of(recipient, "key_id");
    recipients.add({text_of(recipient, "name"), id.empty() ? "the hub's own" : id.substr(0, 16)});
  }
  for (const auto& digest : member(answer, "revoked_packages"))
    table.add({{"revoked", Paint::kRed}, short_digest(value_text(digest)), "package"});
  for (const Table* one : {&table, &recipients}) {
    if (one->empty()) continue;
    session.say("\n");
    session.say(*one);
  }
}

base::Status finish(Session& session, const Json& answer) {
  if (session.json) {
    session.raw(answer);
  } else {
    say_trust(session, answer);
  }
  return {};
}

base::Status init(Session& session, const Change& wanted) {
  World& world = session.world;
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json now, session.get("/api/v1/trust"));
  const std::string pinned = text_of(now, "root_key_id");
  // A key that is there serves: the hub may have been away when it was made.
  const bool known = world.files.exists(wanted.key);
  if (!pinned.empty() && !known)
    return Error(Code::kExists, "this tenant's root is key " + pinned.substr(0, 16) +
                                    " already; its sites pinned it, so it stays");
  auto root = known ? read_key_file(world, wanted.key) : make_key_file(world, wanted.key);
  if (!root.ok()) return root.error();
  if (pinned == root->public_key().id()) {
    session.note("This key is the tenant's root already.");
    return finish(session, now);
  }
  if (!pinned.empty())
    return Error(Code::kExists, "this tenant's root is key " + pinned.substr(0, 16) +
                                    " already, not the one in " + wanted.key);
  trust::Document document;
  document.version = 1;
  document.issued = session.now();
  LANDER_ASSIGN(const Json answer, put(session, document, *root));
  session.note("The tenant's root key is in " + wanted.key + (known ? ", as before" : "") +
               ". Keep it offline and keep a copy: whoever has it decides what runs, and it cannot "
               "be replaced.");
  return finish(session, answer);
}

// What is to be added, read before the hub is asked: only public keys are sent anywhere.
base::Result<trust::Recipient> read_recipient(Session& session, const std::string& wanted) {
  if (wanted == link::kHub) return trust::Recipient{wanted, {}, {}};
  LANDER_ASSIGN(const Card card, read_card(session.world, wanted));
  if (card.kind != "recipient")
    return Error(Code::kInvalid, wanted + " is the card of a " + card.kind +
                                     ": `lander recipient new` makes that of a recipient");
  return trust::Recipient{card.name, card.signing.to_der(), card.sealing.to_der()};
}

void put_recipient(Session& session, trust::Recipient made, trust::Document& document) {
  std::erase_if(document.recipients, [&](const auto& r) { return r.name == made.name; });
  document.recipients.push_back(std::move(made));
  if (!trust::hub_is_recipient(document))
    session.note(
        "The hub is not among the recipients: sites seal no raw observations of a pickup "
        "for it. `--recipient hub` adds it.");
}

void put_signer(const Change& wanted, const base::Bytes& der, trust::Document& document) {
  auto at = std::find_if(document.signers.begin(), document.signers.end(), [&](const auto& s) {
    return s.vendor == wanted.vendor && s.key_der == der;
  });
  if (at == document.signers.end())
    at = document.signers.insert(document.signers.end(), {wanted.vendor, der, {}});
  at->packages = split(wanted.packages, ',');
}

base::Status add(Session& session, const Change& wanted) {
  const bool signer = !wanted.vendor.empty() && !wanted.signer.empty();
  if (signer == !wanted.recipient.empty())
    return session.usage("add whom? Say --vendor V --signer FILE, or --recipient CARD");
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const auto root, read_key_file(session.world, wanted.key));
  base::Bytes der;
  trust::Recipient recipient;
  if (signer) {
    LANDER_ASSIGN(const auto key, read_public_key_file(session.world, wanted.signer));
    der = key.to_der();
  } else {
    LANDER_ASSIGN(recipient, read_recipient(session, wanted.recipient));
  }
  LANDER_ASSIGN(auto document, current(session, root));
  if (signer) {
    put_signer(wanted, der, document);
  } else {
    put_recipient(session, std::move(recipient), document);
  }
  ++document.version;
  document.issued = session.now();
  LANDER_ASSIGN(const Json answer, put(session, document, root));
  return finish(session, answer);
}

base::Result<std::size_t> remove_signers(trust::Document& document, const Change& wanted) {
  std::size_t removed = 0;
  std::vector<trust::Signer> kept;
  for (auto& signer : document.signers) {
    LANDER_ASSIGN(const auto key, crypto::PublicKey::from_der(signer.key_der));
    const bool vendor = wanted.vendor.empty() || signer.vendor == wanted.vendor;
    if (vendor && key.id().starts_with(wanted.signer)) {
      ++removed;
    } else {
      kept.push_back(std::move(signer));
    }
  }
  document.signers = std::move(kept);
  return removed;
}

base::Status revoke(Session& session, const Change& wanted) {
  const bool of_signer = !wanted.vendor.empty() || !wanted.signer.empty();
  if (of_signer + !wanted.package.empty() + !wanted.recipient.empty() != 1)
    return session.usage(
        "revoke what? Say --vendor V, --signer KEYID, --package DIGEST, or --recipient NAME");
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const auto root, read_key_file(session.world, wanted.key));
  LANDER_ASSIGN(auto document, current(session, root));
  if (of_signer) {
    LANDER_ASSIGN(const std::size_t removed, remove_signers(document, wanted));
    if (removed == 0)
      return Error(Code::kNotFound, "no such signer: `lander trust show` lists them");
  } else if (!wanted.recipient.empty()) {
    if (std::erase_if(document.recipients,
                      [&](const auto& r) { return r.name == wanted.recipient; }) == 0)
      return Error(Code::kNotFound, "no such recipient: `lander trust show` lists them");
  } else {
    LANDER_ASSIGN(const Json packages, session.get("/api/v1/packages"));
    std::vector<std::string> digests;
    for (const auto& p : packages) digests.push_back(text_of(p, "digest"));
    std::string digest = wanted.package;
    if (digest.size() != 64) {
      LANDER_ASSIGN(digest, match_id(digests, wanted.package, "package"));
    }
    document.revoked_packages.push_back(digest);
    std::sort(document.revoked_packages.begin(), document.revoked_packages.end());
    document.revoked_packages.erase(
        std::unique(document.revoked_packages.begin(), document.revoked_packages.end()),
        document.revoked_packages.end());
  }
  ++document.version;
  document.issued = session.now();
  LANDER_ASSIGN(const Json answer, put(session, document, root));
  return finish(session, answer);
}

base::Status show(Session& session) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json answer, session.get("/api/v1/trust"));
  return finish(session, answer);
}

}  // namespace

void add_trust(Commands& commands) {
  auto* trust = commands.group("trust", "Whose apps run at all: init, add, revoke, show", kSetUp);
  auto wanted = std::make_shared<Change>();
  auto key = [&](CLI::App* command, const char* help) {
    command->add_option("--key", wanted->key, help)->required();
  };
  key(commands.add(trust, "init", "Make the tenant's root key and an empty trust document",
                   "lander trust init --key root.key",
                   [wanted](Session& session) { return init(session, *wanted); }),
      "Where the root key is written (0600)");
  auto* adding = commands.add(
      trust, "add", "Let a vendor's key sign apps, or a recipient have what couriers carry",
      "lander trust add --key root.key --vendor acme --signer acme.key.pub --packages pump-watch",
      [wanted](Session& session) { return add(session, *wanted); });
  key(adding, "The tenant's root key");
  adding->add_option("--vendor", wanted->vendor, "As its packages name it");
  adding->add_option("--signer", wanted->signer, "The vendor's public key, a file");
  adding->add_option("--recipient", wanted->recipient, "A recipient's card, a file; or hub");
  adding->add_option("--packages", wanted->packages, "Names it may sign: a,b; *: any")
      ->capture_default_str();
  auto* revoking = commands.add(trust, "revoke", "Trust a vendor, a key or a package no more",
                                "lander trust revoke --key root.key --vendor acme",
                                [wanted](Session& session) { return revoke(session, *wanted); });
  key(revoking, "The tenant's root key");
  revoking->add_option("--vendor", wanted->vendor, "All its keys");
  revoking->add_option("--signer", wanted->signer, "The key with this id, or its beginning");
  revoking->add_option("--package", wanted->package, "A package's digest, or its beginning");
  revoking->add_option("--recipient", wanted->recipient, "The recipient of this name");
  commands.add(trust, "show", "Root, version and signers", "lander trust show", show);
}

}  // namespace lander::cli
