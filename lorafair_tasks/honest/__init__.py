"""HONEST (Nozza, Bianchi, Hovy 2021): how often is a template about a person completed hurtfully, and for whom?"""
