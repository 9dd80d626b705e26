// What a call above the packet path returns: a value, or an Error a person can act on.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace ipsecgw::base {

enum class ErrorCode {
    kInvalidArgument,
    kNotFound,
    kAlreadyExists,
    kUnsupported,
    kResourceExhausted,
    kPermissionDenied,
    kUnavailable,
    kIo,
    kInternal,
};

/// Why something failed. `what` names the thing and the reason; `hint` says what to do next and may be empty.
/// Neither ever holds key material.
struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string what;
    std::string hint = {};
};

/// A `T` or an Error, with std::expected's member names. Reading the wrong side throws std::bad_variant_access.
template <class T>
class [[nodiscard]] Result {
 public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    Error& error() & { return std::get<1>(state_); }
    const Error& error() const& { return std::get<1>(state_); }
    Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    void value() const {}

    Error& error() & { return error_.value(); }
    const Error& error() const& { return error_.value(); }
    Error&& error() && { return std::move(error_).value(); }

 private:
    std::optional<Error> error_;
};

/// The value of `expr`, or return its error from the enclosing function. Do not nest.
#define GW_TRY(expr)                                 \
    __extension__({                                  \
        auto gw_result_ = (expr);                    \
        if (!gw_result_)                             \
            return std::move(gw_result_).error();    \
        std::move(gw_result_).value();               \
    })

}  // namespace ipsecgw::base
