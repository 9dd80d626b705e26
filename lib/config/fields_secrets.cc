// The fields of secrets and authorities.
#include "base/text.h"
#include "config/fields_internal.h"
#include "config/reader_internal.h"
#include "model/name.h"

namespace ipsecgw::config {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

Result<void> set_key_file(Reader& reader, SecretDraft& draft, const Value& value)
{
    draft.file = GW_TRY(reader.readable_file(value.line, value.text));
    const FileContent content = read_file(draft.file, 1 << 20);
    if (content.open_to_others)
        reader.warning(value.line, std::string(value.path),
                       base::format("\"%s\" holds a key and is open to group or others (mode %04o)", draft.file.c_str(),
                                    content.mode),
                       "chmod 600 " + draft.file);
    return {};
}

constexpr Field<SecretDraft> kSecretFields[] = {
    {{"type", Kind::kWord, true, "", "ike|ppk|private"},
     [](Reader&, SecretDraft& draft, const Value& value) -> Result<void> {
         draft.type = static_cast<SecretDraft::Type>(value.number);
         return {};
     }},
    {{"id", Kind::kTexts, false, "anybody", "identities"},
     [](Reader&, SecretDraft& draft, const Value& value) -> Result<void> {
         draft.ids.push_back(GW_TRY(model::Identity::parse(value.text)));
         return {};
     }},
    {{"secret", Kind::kSecret, false, "none", "0s and base64, 0x and hex digits, or text"},
     [](Reader&, SecretDraft& draft, const Value& value) -> Result<void> {
         draft.secret = GW_TRY(model::parse_secret(value.text));
         return {};
     }},
    {{"file", Kind::kText, false, "none", "path of a private key"}, set_key_file},
};

/// A file of CRLs: a path, or swanctl's "file://" and one.
Result<void> add_crl(Reader& reader, model::Authority& authority, const Value& value)
{
    static constexpr std::string_view kFile = "file://";
    std::string_view text = base::trim(value.text);
    if (text.starts_with(kFile))
        text.remove_prefix(kFile.size());
    else if (text.find("://") != std::string_view::npos)
        return Error{ErrorCode::kUnsupported, "\"" + std::string(text) + "\" would be fetched, and nothing is",
                     "fetch it yourself, and name the file"};
    authority.crls.push_back(GW_TRY(reader.readable_file(value.line, text)));
    return {};
}

constexpr Field<model::Authority> kAuthorityFields[] = {
    {{"name", Kind::kText, true, "", "1 to 63 characters"},
     [](Reader&, model::Authority& authority, const Value& value) -> Result<void> {
         authority.name = value.text;
         return model::check_name(value.text);
     }},
    {{"cacert", Kind::kText, true, "", "file"},
     [](Reader& reader, model::Authority& authority, const Value& value) -> Result<void> {
         authority.cacert = GW_TRY(reader.readable_file(value.line, value.text));
         return {};
     }},
    {{"crl_uris", Kind::kTexts, false, "none", "files"}, add_crl},
};

}  // namespace

std::span<const Field<SecretDraft>> secret_fields()
{
    return kSecretFields;
}
std::span<const Field<model::Authority>> authority_fields()
{
    return kAuthorityFields;
}

}  // namespace ipsecgw::config
