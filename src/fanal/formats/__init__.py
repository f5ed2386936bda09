"""External formats: conversion of bytes to records and back, pure functions, one folder each."""
