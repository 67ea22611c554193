// SPDX-License-Identifier: Apache-2.0
// The engine's one error type, the Result that carries it, and the exception that breaks off a run.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <utility>
#include <variant>

namespace moescope {

enum class ErrorCode {
    InvalidArgument,  // a request out of range; the message says what was expected and what was found
    NotFound,         // a file or a tensor that is not there
    Io,               // reading or writing failed
    NoSpace,          // the disk is full
    Format,           // a file that is damaged or not what it claims to be
    Unsupported,      // understood, but not something this program runs
    OutOfMemory,      // needed and available are in the message
    Numeric,          // NaN or Inf where finite numbers are needed
    Cancelled,        // somebody asked to stop
    Internal,         // our own mistake
    DeviceMemory,     // as OutOfMemory, of the memory that a device has for itself
    DeviceLost,       // the device stopped working; a new context may work again
};

/// What went wrong, as one sentence for a person: what was expected, what was found, what to do.
struct EngineError {
    ErrorCode code = ErrorCode::Internal;
    std::string message;
};

/// Thrown inside the engine where a run breaks; caught once at the engine's edge (`guarded`) and turned into a Result.
class EngineException : public std::exception {
public:
    explicit EngineException(EngineError error) : m_error(std::move(error)) {}
    EngineException(ErrorCode code, std::string message) : m_error{code, std::move(message)} {}
    const char* what() const noexcept override { return m_error.message.c_str(); }
    const EngineError& error() const { return m_error; }

private:
    EngineError m_error;
};

/// A value or an EngineError.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : m_state(std::in_place_index<0>, std::move(value)) {}
    Result(EngineError error) : m_state(std::in_place_index<1>, std::move(error)) {}
    Result(ErrorCode code, std::string message) : m_state(std::in_place_index<1>, EngineError{code, std::move(message)}) {}

    bool ok() const { return m_state.index() == 0; }
    explicit operator bool() const { return ok(); }
    const EngineError& error() const { return std::get<1>(m_state); }

    T& value() & { return std::get<0>(m_state); }
    const T& value() const& { return std::get<0>(m_state); }
    T&& value() && { return std::get<0>(std::move(m_state)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    /// The value, or the error thrown: for code that runs inside `guarded`.
    T orThrow() && {
        if (!ok()) throw EngineException(error());
        return std::get<0>(std::move(m_state));
    }

private:
    std::variant<T, EngineError> m_state;
};

/// Success or an EngineError.
class [[nodiscard]] Status {
public:
    Status() = default;
    Status(EngineError error) : m_failed(true), m_error(std::move(error)) {}
    Status(ErrorCode code, std::string message) : Status(EngineError{code, std::move(message)}) {}

    bool ok() const { return !m_failed; }
    explicit operator bool() const { return ok(); }
    const EngineError& error() const { return m_error; }
    void orThrow() const {
        if (m_failed) throw EngineException(m_error);
    }

private:
    bool m_failed = false;
    EngineError m_error;
};

/// Runs `work` (returning T) and turns what it throws into the error of a Result<T>.
template <class Work>
auto guarded(Work&& work) -> Result<decltype(work())> {
    try {
        return std::forward<Work>(work)();
    } catch (const EngineException& e) {
        return e.error();
    } catch (const std::bad_alloc&) {
        return EngineError{ErrorCode::OutOfMemory, "the operating system refused memory for this operation; close other "
                                                   "programs or choose a smaller model or batch"};
    } catch (const std::exception& e) {
        return EngineError{ErrorCode::Internal, e.what()};
    }
}

}  // namespace moescope
